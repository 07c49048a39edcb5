import { expect, test } from './fixtures';
import type { Company, Stack } from './stack';

const HOUR = 3_600;

/** A colleague who has activated; the address. */
async function colleague(stack: Stack, company: Company, name: string, rights: Record<string, unknown>): Promise<string> {
  const username = `${name}.${company.id.slice(-6)}`.toLowerCase();
  const email = `${username}@northwind.example`;
  await company.add({ email, first_name: name, ...rights, invite: true });
  await stack.activate(email, username);
  return email;
}

/** Imports a file. */
async function importFile(stack: Stack, token: string, name: string, content: string): Promise<void> {
  const begun = await stack.post('/v1/imports', { file_name: name }, token);
  const { url } = begun['upload'] as { url: string };
  await fetch(url, { method: 'PUT', headers: { 'content-type': 'text/csv' }, body: content });
  // Committing is refused until the file was looked through.
  await expect(() => stack.post(`/v1/imports/${String(begun['id'])}/commit`, {}, token)).toPass();
}

test('a new company is told how to begin, until it is under way', async ({ page, stack, signIn, look }) => {
  const company = await stack.company('Fresh Freight');
  await signIn(company.owner);
  const steps = page.getByRole('region', { name: 'First steps' });
  await expect(steps.getByRole('listitem')).toHaveCount(3);
  await expect(page.getByText(/^Counted /)).toBeVisible();
  await expect(page.getByRole('link', { name: /^Active 1 / })).toHaveAttribute('href', '/users?status=active');
  await expect(steps.getByRole('link', { name: 'Import a file' })).toHaveAttribute('href', '/imports');
  await expect(page.getByText('Nothing has been imported')).toBeVisible();
  await look('fresh');

  const id = await company.add({ email: 'ann@fresh.example', first_name: 'Ann' });
  await page.getByRole('button', { name: 'Refresh' }).click();
  await expect(page.getByRole('heading', { name: 'Add people, vehicles and devices (Done)' })).toBeVisible();
  await expect(steps.getByRole('link', { name: 'Choose whom to invite' })).toHaveAttribute('href', '/users?status=not_invited');
  await company.post(`/v1/products/${company.products[0]}/assign`, { users: [id] });
  await page.getByRole('button', { name: 'Refresh' }).click();
  await expect(page.getByText('1 of 50 in use')).toBeVisible();
  await expect(steps).toHaveCount(0);
});

test('the numbers of a company lead to the users behind them', async ({ page, stack, signIn, look }) => {
  const company = await stack.company('Northwind Haulage & Heavy Transport');
  const invite = async (token: string, name: string) => {
    const email = `${name}@numbers.example`;
    await stack.post('/v1/users', { email, first_name: 'Ida', invite: true }, token);
    await stack.mail(email);
  };
  await invite(await company.token(), 'expired');
  await stack.wait(25 * HOUR);
  let token = await company.token();
  for (const name of ['bounced', 'spam', 'ending']) await invite(token, name);
  await stack.post('/local/ses-events', { to: 'bounced@numbers.example', type: 'Bounce' });
  await stack.post('/local/ses-events', { to: 'spam@numbers.example', type: 'Complaint' });
  await stack.wait(19 * HOUR);
  token = await company.token();
  await invite(token, 'good');
  const add = async (kind: string, external_id: string) =>
    String((await stack.post('/v1/users', { kind, external_id }, token))['id']);
  const trucks = await Promise.all(['T1', 'T2', 'T3'].map((id) => add('vehicle', id)));
  await stack.post(`/v1/products/${company.products[0]}/assign`, { users: trucks }, token);
  await stack.post('/v1/users/suspend', { users: [trucks[0]] }, token);
  await stack.post('/v1/users/delete', { users: [await add('device', 'D1')], confirm: 1 }, token);
  const devices = Array.from({ length: 10 }, (_, row) => `D${row},device\n`);
  await importFile(stack, token, 'devices-2026-03.csv', `External ID,Kind\n${devices.join('')}`);
  const long = 'a file with a rather long name that somebody exported from payroll.csv';
  await importFile(stack, token, long, 'External ID,Kind\nD1,device\nD2,boat\n');
  await page.clock.install({ time: stack.now });

  await signIn(company.owner);
  const users = page.getByRole('region', { name: 'Users' });
  await expect(users.getByText('19', { exact: true })).toBeVisible();
  const invitations = page.getByRole('region', { name: 'Invitations' });
  for (const [region, name, href] of [
    [users, /^Not invited 12 /, '/users?status=not_invited'],
    [users, /^Suspended 1 /, '/users?status=suspended'],
    [users, /^Deleted/, '/users?status=deleted'],
    [users, '10 Devices', '/users?kind=device'],
    [invitations, /^Activation pending .* 4$/, '/users?status=activation_pending'],
    [invitations, /^Ending within six hours 1$/, '/users?status=activation_pending'],
    [invitations, /^Invitation expired .* 1$/, '/users?status=invitation_expired'],
    [invitations, /^Bounced .* 1$/, '/users?invitation=bounced'],
    [invitations, /^Reported as spam .* 1$/, '/users?invitation=complained'],
    [page, 'MileOn', `/users?product=${company.products[1]}`],
  ] as const) {
    await expect(region.getByRole('link', { name })).toHaveAttribute('href', href);
  }
  const imports = page.getByRole('region', { name: 'Last imports' });
  await expect(imports.getByRole('listitem').filter({ hasText: 'devices-2026-03.csv' })).toContainText('10 added');
  await look('numbers');
  await imports.getByRole('link', { name: 'devices-2026-03.csv' }).click();
  await expect(page).toHaveURL(/\/imports\/imp_\w+$/);
});

test('who sees only some of the users sees no numbers of all, and who may not import no imports', async ({
  page,
  stack,
  company,
  signIn,
  look,
}) => {
  await signIn(await colleague(stack, company, 'Lea', { class: 'limited' }));
  await expect(page.getByText('You see part of the company')).toBeVisible();
  await expect(page.getByText('MileOn')).toBeVisible();
  for (const name of ['Users', 'Invitations', 'Last imports', 'First steps']) {
    await expect(page.getByRole('region', { name })).toHaveCount(0);
  }
  await expect(page.getByRole('button', { name: 'Refresh' })).toHaveCount(0);
  await look('part');

  await page.getByRole('link', { name: 'Go to the users whom you see' }).click();
  await expect(page).toHaveURL('/users');
});

test('an auditor sees the numbers, and nothing to do', async ({ page, stack, signIn }) => {
  const company = await stack.company('Quiet Quarries');
  await signIn(await colleague(stack, company, 'Adam', { class: 'standard', roles: ['auditor'] }));
  await expect(page.getByRole('region', { name: 'Users' }).getByRole('link', { name: /^Active 2 / })).toBeVisible();
  await expect(page.getByRole('region', { name: 'First steps' })).toHaveCount(0);
  await expect(page.getByRole('region', { name: 'Last imports' })).toHaveCount(0);
});

test('numbers that do not come are asked for again', async ({ page, company, signIn, look }) => {
  await page.route('**/v1/overview', (route) => route.abort());
  await page.route('**/v1/imports', (route) => route.fulfill({ status: 500, body: 'broken' }));
  await signIn(company.owner);
  const users = page.getByRole('region', { name: 'Users' });
  await expect(users.getByRole('heading', { name: 'Muster cannot be reached' })).toBeVisible();
  const imports = page.getByRole('region', { name: 'Last imports' });
  await expect(imports.getByRole('alert')).toBeVisible();
  await look('errors');
  await page.unroute('**/v1/overview');
  await users.getByRole('button', { name: 'Try again' }).click();
  await expect(users.getByRole('link', { name: /^Active/ })).toBeVisible();

  await page.route('**/v1/overview/count', (route) => route.abort());
  await page.getByRole('button', { name: 'Refresh' }).click();
  await expect(page.getByText('Check your connection and try again.')).toBeVisible();
  await expect(users.getByRole('link', { name: /^Active/ })).toBeVisible();
});
