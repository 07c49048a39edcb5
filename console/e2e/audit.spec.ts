import { readFileSync } from 'node:fs';
import { expect, test } from './fixtures';

const entries = (page: import('@playwright/test').Page) =>
  page.getByRole('list', { name: 'Entries of the audit trail, newest first' }).getByRole('listitem');

test('somebody finds out who changed what', async ({ page, stack, signIn, look }) => {
  const company = await stack.company('Northwind Audit');
  const ada = await company.add({ email: 'ada@audit.example', first_name: 'Ada', last_name: 'Lovelace', roles: ['driver'] });
  await company.add({ external_id: 'T-1', kind: 'vehicle', products: [company.products[1]] });
  const role = await company.post('/v1/roles', { name: 'Dispatcher', permissions: ['users.read', 'users.invite'] });
  const token = await company.token();
  await fetch(`${stack.url}/v1/roles/${String(role['id'])}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'if-match': '"1"' },
    body: JSON.stringify({ name: 'Dispatch', permissions: ['users.read', 'exports.run'] }),
  });

  await signIn(company.owner);
  await page.getByRole('navigation').getByRole('link', { name: 'Audit' }).click();
  await expect(entries(page).first()).toContainText('Role changed');
  await expect(entries(page).first()).toContainText('Olga Owner');
  await expect(entries(page).filter({ hasText: 'Company set up' })).toContainText('Support');
  await look('audit');

  await entries(page).first().getByText('Role changed').click();
  const change = entries(page).first();
  await expect(change.getByRole('row', { name: 'Name Dispatcher Dispatch', exact: true })).toBeVisible();
  await expect(change.getByRole('row', { name: /^Permissions/ })).toContainText('See users, Invite users');
  await expect(change.locator('ins')).toHaveText('Export users');
  await expect(change.locator('del')).toHaveText('Invite users');
  await expect(change.getByText(/Central European (Standard|Summer) Time|CET|CEST|GMT\+/).first()).toBeVisible();
  await entries(page).filter({ hasText: 'T-1' }).first().getByText('User added').click();
  await expect(page.getByRole('row', { name: 'Licence: MileOn Assigned' })).toBeVisible();
  await look('audit-open');

  // By or about one user; the name is searched, the address has the id only.
  await page.getByRole('button', { name: 'By or about' }).click();
  await page.getByLabel('Find a user by the beginning of the name').fill('Ada');
  await page.getByRole('option', { name: /Ada Lovelace/ }).click();
  await expect(page).toHaveURL(`/audit?user=${ada}`);
  await expect(entries(page)).toHaveCount(1);
  await expect(entries(page)).toContainText('User added');
  await page.reload();
  await expect(page.getByRole('button', { name: 'By or about: Ada Lovelace' })).toBeVisible();

  await page.getByRole('button', { name: 'Area' }).click();
  await page.getByRole('menuitemradio', { name: 'Roles' }).click();
  await expect(page.getByRole('heading', { name: 'Nothing fits these filters' })).toBeVisible();
  await look('audit-nothing');
  await page.getByRole('button', { name: 'Clear filters' }).first().click();
  await expect(page).toHaveURL('/audit');

  await page.getByRole('button', { name: 'Operation' }).click();
  await page.getByLabel('Find an operation').fill('role cha');
  await expect(page.getByRole('option')).toHaveCount(1);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL('/audit?operation=roles.change');
  await expect(entries(page)).toHaveCount(1);
  await page.getByRole('button', { name: /^Done by/ }).click();
  await page.getByRole('option', { name: 'Support' }).click();
  await expect(entries(page)).toHaveCount(0);
  await page.getByRole('button', { name: 'Clear filters' }).first().click();
  await page.getByRole('button', { name: 'Time' }).click();
  await look('audit-time');
  await page.getByLabel('From').fill('2020-01-01T08:00');
  await page.getByLabel('Until').fill('2020-01-01T07:00');
  await expect(page.getByText('This must be later than the beginning.')).toBeVisible();
  await page.getByLabel('Until').fill('2020-02-01T07:00');
  await page.getByRole('button', { name: 'Apply' }).click();
  await expect(page).toHaveURL('/audit?from=2020-01-01T07%3A00%3A00.000Z&to=2020-02-01T06%3A00%3A00.000Z');
  await expect(page.getByRole('heading', { name: 'Nothing fits these filters' })).toBeVisible();

});

test('what the filters let through is taken away as a file', async ({ page, stack, signIn, look }) => {
  const company = await stack.company('Northwind Files');
  for (const name of ['Dispatcher', 'Host']) await company.post('/v1/roles', { name, permissions: ['users.invite'] });
  await signIn(company.owner);
  await page.goto('/audit?operation=roles.');
  await expect(entries(page)).toHaveCount(2);
  await page.getByRole('button', { name: 'Export…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Export the audit trail' });
  await expect(dialog.getByRole('definition')).toHaveText('Roles');
  await look('audit-export');
  await dialog.getByRole('button', { name: 'Start export' }).click();
  await expect(dialog.getByText('The file is ready')).toBeVisible({ timeout: 30_000 });
  await look('audit-exported');
  const download = page.waitForEvent('download');
  await dialog.getByRole('link', { name: 'Download' }).click();
  const file = readFileSync(await (await download).path(), 'utf8');
  expect(file).toContain('roles.define');
  expect(file).not.toContain('users.add');
});

test('the trail is verified by its seals, and what was altered is told in words', async ({ page, stack, signIn, look }) => {
  const company = await stack.company('Northwind Seals');
  await signIn(company.owner);
  await page.goto('/audit');
  await page.getByRole('button', { name: 'Seals…' }).click();
  const drawer = page.getByRole('dialog', { name: 'Seals and verification' });
  await expect(drawer.getByText('There is no seal yet.')).toBeVisible();
  await drawer.getByRole('button', { name: 'Verify the whole trail' }).click();
  await expect(drawer.getByText('Nothing is sealed yet')).toBeVisible();
  await look('seals-none');

  await stack.wait(3 * 3600);
  await expect(async () => {
    await page.reload();
    await page.getByRole('button', { name: 'Seals…' }).click();
    await expect(drawer.getByText('Seal 1', { exact: true })).toBeVisible({ timeout: 2_000 });
  }).toPass();
  await drawer.getByRole('button', { name: 'Verify the whole trail' }).click();
  await expect(drawer.getByText('The trail is intact')).toBeVisible();
  await drawer.getByText('Seal 1', { exact: true }).click();
  await expect(drawer.getByText('What was signed').first()).toBeVisible();
  await look('seals');

  const window = { from: '2026-03-02T08:00:00Z', to: '2026-03-02T09:00:00Z' };
  const answer = { intact: false, seals: 1, entries: 4, sealed_until: window.to, unsealed: 1000 };
  await page.route('**/v1/audit/verification*', async (route) => {
    const more = new URL(route.request().url()).searchParams.has('cursor');
    const findings = more
      ? [{ kind: 'seal_missing', seal: 9, ...window }]
      : [{ kind: 'entries_changed', seal: 7, ...window, sealed: 5, found: 4 }];
    await route.fulfill({ json: { ...answer, findings, ...(more ? {} : { next: 'more' }) } });
  });
  await drawer.getByRole('button', { name: 'Verify again' }).click();
  await expect(drawer.getByText('The trail has been altered: 2 findings')).toBeVisible();
  await expect(drawer.getByText('5 were sealed, 4 are there now.')).toBeVisible();
  await expect(drawer.getByText('A seal is missing before this one')).toBeVisible();
  await expect(drawer.getByText('1,000 newer entries or more')).toBeVisible();
  await look('seals-broken');
  await page.unroute('**/v1/audit/verification*');
  await page.route('**/v1/audit/verification*', (route) => route.abort());
  await drawer.getByRole('button', { name: 'Verify again' }).click();
  await expect(drawer.getByRole('heading', { name: 'Muster cannot be reached' })).toBeVisible();
});

test('details of an erased user are marked as gone, and an altered entry as damaged', async ({ page, company, signIn, look }) => {
  const at = '2026-03-02T08:00:00Z';
  const actor = { kind: 'schedule' };
  const target = { id: 'usr_4zk0m7v2q8x1c9dj', before: { class: 'limited' }, after: { class: 'standard' } };
  const list = [
    { id: 'aud_1', at, actor, operation: 'users.erase', targets: [{ ...target, erased: true, damaged: false }] },
    { id: 'aud_2', at, actor, operation: 'users.edit', targets: [{ ...target, name: 'Ada', erased: false, damaged: true }] },
    { id: 'aud_3', at, actor, operation: 'ships.launch', targets: [] },
  ];
  await page.route('**/v1/audit?*', (route) => route.fulfill({ json: { entries: list } }));
  await page.route('**/v1/audit', (route) => route.fulfill({ json: { entries: list } }));
  await signIn(company.owner);
  await page.goto('/audit');
  await expect(entries(page)).toHaveCount(3);
  await expect(entries(page).nth(2)).toContainText('ships.launch');
  await entries(page).nth(0).getByText('User erased for good').click();
  await expect(entries(page).nth(0)).toContainText('They went for good when the user was erased.');
  await entries(page).nth(1).getByText('User changed').click();
  await expect(entries(page).nth(1)).toContainText('that are not as they were written');
  await look('audit-damaged');
});

test('who may not read the trail does not see it; without an answer one can try again', async ({ page, stack, signIn }) => {
  const company = await stack.company('Northwind Denied');
  const mia = { email: 'mia@denied.example', first_name: 'Mia', class: 'standard', roles: ['user_manager'], invite: true };
  await company.add(mia);
  await stack.activate('mia@denied.example', 'mia.denied');
  await signIn('mia@denied.example');
  await expect(page.getByRole('navigation').getByRole('link', { name: 'Audit' })).toHaveCount(0);
  await page.goto('/audit');
  await expect(page.getByRole('heading', { name: 'You may not see this' })).toBeVisible();
  await page.getByRole('button', { name: /^Your account/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await signIn(company.owner);
  await page.route('**/v1/audit*', (route) => route.abort());
  await page.goto('/audit');
  await expect(page.getByRole('heading', { name: 'Muster cannot be reached' })).toBeVisible();
  await page.unroute('**/v1/audit*');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(entries(page).first()).toBeVisible();
});
