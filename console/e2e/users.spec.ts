import type { Page } from '@playwright/test';
import { expect, test } from './fixtures';
import type { Company, Stack } from './stack';

const people = ['Ada Lovelace', 'Alan Turing', 'Barbara Liskov', 'Edsger Dijkstra', 'Grace Hopper'];

/** A company with five people, a vehicle and a device. */
async function fleet(stack: Stack): Promise<Company> {
  const company = await stack.company('Northwind Haulage');
  for (const [index, name] of people.entries()) {
    const [first_name, last_name] = name.split(' ');
    const email = `${first_name}.${index}@drivers.example`.toLowerCase();
    await company.add({ email, external_id: `D-${1000 + index}`, first_name, last_name, class: 'standard', roles: ['driver'] });
  }
  await company.add({ kind: 'vehicle', external_id: 'TRUCK-7', products: [company.products[0]] });
  await company.add({ kind: 'device', external_id: 'TAB-1' });
  return company;
}

const row = (page: Page, name: string) => page.getByRole('row').filter({ hasText: name });

async function toUsers(page: Page): Promise<void> {
  await page.getByRole('navigation').getByRole('link', { name: 'Users' }).click();
  await expect(page.getByRole('heading', { name: 'Users', level: 1 })).toBeVisible();
}

test('an administrator finds people by search, filters and columns, and opens one', async ({ page, stack, signIn, look }) => {
  const company = await fleet(stack);
  await company.post('/v1/groups', { kind: 'fleet', name: 'Fleet North' });
  await signIn(company.owner);
  await toUsers(page);
  await expect(page.getByText('8 users')).toBeVisible();
  await expect(row(page, 'Ada Lovelace')).toContainText('Not invited');
  await expect(row(page, 'TRUCK-7')).toContainText('CoPilot Truck with ActiveTraffic');
  await look('users');

  const search = page.getByRole('searchbox', { name: 'Search' });
  await search.fill('a');
  await expect(page.getByText('2 users')).toBeVisible();
  await page.getByLabel('Search in').selectOption('External ID');
  await search.fill('truck');
  await expect(page.getByText('1 user', { exact: true })).toBeVisible();
  await expect(page).toHaveURL('/users');

  await page.getByRole('button', { name: 'Kind', exact: true }).click();
  await page.getByRole('menuitemradio', { name: 'Person' }).click();
  await expect(page).toHaveURL('/users?kind=person');
  await expect(page.getByRole('heading', { name: 'Nobody fits' })).toBeVisible();
  await look('users-none');
  await page.getByRole('button', { name: 'Show all users' }).click();
  await expect(page.getByText('8 users')).toBeVisible();
  await expect(page).toHaveURL('/users');

  await page.getByRole('button', { name: 'Group', exact: true }).click();
  await expect(page.getByRole('option', { name: 'Fleet North' })).toBeVisible();
  await look('users-group');
  await page.getByRole('option', { name: 'Fleet North' }).click();
  await expect(page.getByRole('button', { name: 'Group: Fleet North' })).toBeVisible();
  await expect(page).toHaveURL(/\?group=grp_\w+$/);
  await expect(page.getByRole('heading', { name: 'Nobody fits' })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('button', { name: 'Group: Fleet North' })).toBeVisible();
  await page.getByRole('button', { name: 'Clear all' }).click();

  await page.getByRole('button', { name: 'Columns' }).click();
  await look('users-columns');
  await page.getByRole('checkbox', { name: 'Roles' }).check();
  await page.getByRole('checkbox', { name: 'Last login' }).uncheck();
  await page.keyboard.press('Escape');
  await page.reload();
  await expect(page.getByRole('columnheader', { name: 'Roles' })).toBeVisible();
  await expect(page.getByRole('columnheader', { name: 'Last login' })).toBeHidden();
  await expect(row(page, 'Ada Lovelace')).toContainText('Driver');

  await row(page, 'Ada Lovelace').click();
  await expect(page).toHaveURL(/\?user=usr_\w+$/);
  await page.goBack();
  await expect(page).toHaveURL('/users');
  await expect(row(page, 'Ada Lovelace')).toBeVisible();
});

test('licences are assigned to some: what will happen is said before, and what happened for each', async ({
  page,
  stack,
  signIn,
  look,
}) => {
  const company = await fleet(stack);
  await signIn(company.owner);
  await toUsers(page);
  // The keyboard: down, select a range, act.
  await row(page, 'Ada Lovelace').focus();
  await page.keyboard.press('Space');
  await page.keyboard.press('Shift+ArrowDown');
  await page.keyboard.press('Shift+ArrowDown');
  await expect(page.getByText('3 selected')).toBeVisible();
  await row(page, 'TRUCK-7').getByRole('checkbox').check();
  await expect(page.getByText('4 selected')).toBeVisible();
  await look('selected');
  // The selection outlives a search.
  await page.getByRole('searchbox').fill('TRUCK');
  await expect(page.getByText('4 selected, 3 of them not in this list')).toBeVisible();
  await page.getByRole('searchbox').fill('');
  await expect(page.getByText('4 selected', { exact: true })).toBeVisible();
  await page.getByRole('button', { name: 'Assign', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Assign licences' });
  await expect(dialog).toContainText('Ada Lovelace, Alan Turing, Barbara Liskov and 1 more');
  await expect(dialog.getByRole('button', { name: 'Assign to 4 users' })).toBeDisabled();
  await dialog.getByLabel('Product').selectOption('CoPilot Truck with ActiveTraffic (49 left)');
  await expect(dialog).toContainText('3 users get a licence.');
  await expect(dialog).toContainText('1 has a licence already and keeps it.');
  await look('assign');
  await dialog.getByRole('button', { name: 'Assign to 3 users' }).click();
  await expect(dialog.getByRole('tab', { name: 'Done 3' })).toBeVisible();
  await expect(dialog.getByRole('tab', { name: 'Unchanged 1' })).toBeVisible();
  await expect(dialog).toContainText('46 licences of CoPilot Truck with ActiveTraffic are left.');
  await look('assigned');
  const download = page.waitForEvent('download');
  await dialog.getByRole('button', { name: 'Download CSV' }).click();
  expect((await download).suggestedFilename()).toBe('result.csv');
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await expect(row(page, 'Ada Lovelace')).toContainText('CoPilot');
  // Those in the list stay selected for what comes next.
  await page.getByRole('button', { name: 'Invite', exact: true }).click();
  const inviting = page.getByRole('dialog', { name: 'Invite users' });
  await expect(inviting).toContainText('3 users get an e-mail with an invitation.');
  await expect(inviting).toContainText('1 will be refused: The user has no e-mail address');
  await inviting.getByRole('button', { name: 'Invite 3 users' }).click();
  await expect(inviting.getByRole('tab', { name: 'Refused 1' })).toHaveAttribute('aria-selected', 'true');
  await expect(inviting.getByRole('row').filter({ hasText: 'TRUCK-7' })).toContainText('no e-mail address');
  await look('refused');
  await inviting.getByRole('button', { name: 'Close' }).last().click();
  await stack.mail('ada.0@drivers.example');
  await expect(row(page, 'Ada Lovelace')).toContainText('Activation pending');
});

test('more than there are licences: the rest is warned of, and refused', async ({ page, stack, signIn, look }) => {
  const company = await stack.company('Southwind');
  for (let n = 10; n < 22; n += 1) await company.add({ kind: 'vehicle', external_id: `TRUCK-${n}` });
  await signIn(company.owner);
  await toUsers(page);
  await page.getByLabel('Search in').selectOption('External ID');
  await page.getByRole('searchbox').fill('TRUCK');
  await expect(page.getByText('12 users')).toBeVisible();
  await page.getByRole('checkbox', { name: 'Select all that are shown' }).check();
  await page.getByRole('button', { name: 'Assign', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Assign licences' });
  await dialog.getByLabel('Product').selectOption('MileOn (10 left)');
  await expect(dialog).toContainText('10 licences are left, for 12 users.');
  await look('too-few-licences');
  await dialog.getByRole('button', { name: 'Assign to 10 users' }).click();
  await expect(dialog.getByRole('tab', { name: 'Done 10' })).toBeVisible();
  await expect(dialog.getByRole('tab', { name: 'Refused 2' })).toHaveAttribute('aria-selected', 'true');
  for (const name of ['TRUCK-20', 'TRUCK-21']) {
    await expect(dialog.getByRole('row').filter({ hasText: name })).toContainText('No licences are left of this product.');
  }
  await expect(dialog).toContainText('0 licences of MileOn are left.');
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await page.getByRole('link', { name: 'Licences' }).click();
  await expect(page.getByText('10 of 10 in use')).toBeVisible();
});

test('users are deleted only when that is typed, and come back', async ({ page, stack, signIn, look }) => {
  const company = await fleet(stack);
  await signIn(company.owner);
  await toUsers(page);
  await row(page, 'Grace Hopper').getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Delete users' });
  const submit = dialog.getByRole('button', { name: 'Delete 1 user' });
  await dialog.getByLabel('Type grace.4@drivers.example to confirm').fill('grace');
  await expect(submit).toBeDisabled();
  await dialog.getByLabel(/^Type/).fill('GRACE.4@drivers.example');
  await submit.click();
  await expect(page.getByText('Grace Hopper: done.')).toBeVisible();
  await expect(row(page, 'Grace Hopper')).toBeHidden();

  await row(page, 'Ada Lovelace').getByRole('checkbox').check();
  await row(page, 'Edsger Dijkstra').getByRole('checkbox').click({ modifiers: ['Shift'] });
  await row(page, 'Olga Owner').getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await expect(dialog).toContainText('4 users are deleted');
  await expect(dialog).toContainText('1 will be refused: You cannot do this to yourself.');
  await look('delete');
  await dialog.getByLabel('Type 4 to confirm').fill('4');
  await dialog.getByRole('button', { name: 'Delete 4 users' }).click();
  await expect(dialog.getByRole('tab', { name: 'Refused 1' })).toBeVisible();
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  // Who was refused stays selected.
  await expect(page.getByText('1 selected')).toBeVisible();
  await page.getByRole('button', { name: 'Clear the selection' }).click();

  await page.getByRole('button', { name: 'Status', exact: true }).click();
  await page.getByRole('menuitemradio', { name: 'Deleted' }).click();
  await expect(page.getByText('5 users')).toBeVisible();
  await row(page, 'Ada Lovelace').getByRole('checkbox').check();
  await expect(page.getByRole('button', { name: 'Invite', exact: true })).toBeHidden();
  await page.getByRole('button', { name: 'Restore', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Restore 1 user' }).click();
  await expect(page.getByText('Ada Lovelace: done.')).toBeVisible();
  await expect(page.getByText('4 users')).toBeVisible();
});

test('a connection lost midway is told, and going on does the rest once', async ({ page, stack, signIn, look }) => {
  const company = await fleet(stack);
  await signIn(company.owner);
  await toUsers(page);
  await page.getByRole('checkbox', { name: 'Select all that are shown' }).check();
  await page.getByRole('button', { name: 'Actions', exact: true }).click();
  await page.getByRole('menuitem', { name: 'Suspend' }).click();
  const dialog = page.getByRole('dialog', { name: 'Suspend users' });
  await expect(dialog).toContainText('7 users are suspended');
  const keys: (string | undefined)[] = [];
  // Carried out, but the answer is lost.
  await page.route('**/v1/users/suspend', async (route) => {
    keys.push(route.request().headers()['idempotency-key']);
    await route.fetch();
    await route.abort();
  });
  await dialog.getByRole('button', { name: 'Suspend 7 users' }).click();
  await expect(dialog).toContainText('Stopped after 0 of 8 users');
  await expect(dialog).toContainText('For 8 users it is not known whether it was done');
  await look('lost');
  await page.unroute('**/v1/users/suspend');
  page.on('request', (request) => {
    if (request.url().endsWith('/suspend')) keys.push(request.headers()['idempotency-key']);
  });
  await dialog.getByRole('button', { name: 'Continue' }).click();
  // The same request: what it did the first time is what it tells.
  await expect(dialog.getByRole('tab', { name: 'Done 7' })).toBeVisible();
  await expect(dialog.getByRole('tab', { name: 'Refused 1' })).toBeVisible();
  expect(keys[0]).toBeDefined();
  expect(keys).toEqual([keys[0], keys[0]]);
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await expect(row(page, 'Ada Lovelace')).toContainText('Suspended');
});

test('what is filtered is exported, and a search is said not to be', async ({ page, stack, signIn, look }) => {
  const company = await fleet(stack);
  await signIn(company.owner);
  await page.goto('/users?kind=person');
  await page.getByRole('searchbox').fill('Ada');
  await expect(page.getByText('1 user', { exact: true })).toBeVisible();
  await page.getByRole('button', { name: 'Export' }).click();
  const dialog = page.getByRole('dialog', { name: 'Export users' });
  await expect(dialog).toContainText('Person');
  await expect(dialog).toContainText('A search is not part of an export');
  await dialog.getByLabel('CSV').check();
  await dialog.getByLabel('External ID').check();
  await look('export');
  await dialog.getByRole('button', { name: 'Start export' }).click();
  await expect(dialog).toContainText('6 users are in it.');
  await look('exported');
  const link = await dialog.getByRole('link', { name: 'Download' }).getAttribute('href');
  const file = await (await page.request.get(link ?? '')).text();
  expect(file).toContain('Ada Lovelace');
  expect(file).toContain('D-1004');
  expect(file).not.toContain('TRUCK-7');
});

test('who may only look sees no way to change anything', async ({ page, stack, signIn, look }) => {
  const company = await fleet(stack);
  await company.add({ email: 'rita@reader.example', first_name: 'Rita', class: 'standard', roles: ['auditor'], invite: true });
  await stack.activate('rita@reader.example', 'rita.reader');
  await signIn('rita.reader');
  await toUsers(page);
  await expect(row(page, 'Ada Lovelace')).toBeVisible();
  for (const name of ['New user', 'Invite user', 'Export', 'Account']) {
    await expect(page.getByRole('button', { name, exact: true })).toBeHidden();
  }
  await expect(page.getByRole('checkbox')).toHaveCount(0);
  await look('reader');
});

test('a list that cannot be read says so, and can be read again', async ({ page, company, signIn, look }) => {
  await signIn(company.owner);
  await page.route('**/v1/users?*', (route) => route.abort());
  await toUsers(page);
  await expect(page.getByRole('heading', { name: 'Muster cannot be reached' })).toBeVisible();
  await look('users-offline');
  await page.unroute('**/v1/users?*');
  await page.getByRole('button', { name: 'Try again' }).click();
  // Whoever is first: other flows may have added so many that the owner is not in sight.
  await expect(page.getByRole('checkbox', { name: /^Select (?!all)/ }).first()).toBeVisible();
});

/** 100,000 users that no database has: pages of what is asked for, at once. */
async function synthesise(page: Page, total: number): Promise<{ asked: () => number }> {
  let asked = 0;
  const at = '2026-03-02T08:00:00Z';
  const user = (n: number) => ({
    id: `usr_${n}`,
    kind: n % 3 === 0 ? 'vehicle' : 'person',
    name: `Driver ${String(n).padStart(6, '0')}`,
    email: `driver.${n}@drivers.example`,
    external_id: `D-${n}`,
    class: 'standard',
    roles: ['driver'],
    status: n % 2 === 0 ? 'active' : 'activation_pending',
    invitation: { mail: 'delivered', invited_at: at, sent_at: at },
    licences: [],
    licence_state: 'unassigned',
    groups: [],
    modules: {},
    scope: { kind: 'all' },
    version: 1,
    created_at: at,
    updated_at: at,
    last_login_at: at,
  });
  await page.route('**/v1/users?*', async (route) => {
    asked += 1;
    const from = Number(new URL(route.request().url()).searchParams.get('cursor') ?? 0);
    const count = Math.min(200, total - from);
    const next = from + count < total ? String(from + count) : null;
    await route.fulfill({ json: { users: Array.from({ length: count }, (_, i) => user(from + i)), next } });
  });
  return { asked: () => asked };
}

test('100,000 users scroll smoothly, to the very last, and can all be selected', async ({ page, company, signIn }, info) => {
  const total = 100_000;
  test.setTimeout(180_000);
  await signIn(company.owner);
  const { asked } = await synthesise(page, total);
  await toUsers(page);
  const grid = page.getByRole('grid', { name: 'Users' });
  await expect(row(page, 'Driver 000000')).toBeVisible();
  const drawn = () => grid.getByRole('row').count();
  expect(await drawn()).toBeLessThan(60);

  // Scrolls as with a wheel, and notes how long each frame takes.
  const scroll = (pixels: number, frames: number) =>
    grid.evaluate(
      async (node, [step = 0, count = 0]) => {
        const times: number[] = [];
        let before = await new Promise(requestAnimationFrame);
        for (let i = 0; i < count; i += 1) {
          node.scrollTop += step;
          const now = await new Promise(requestAnimationFrame);
          times.push(now - before);
          before = now;
        }
        times.sort((a, b) => a - b);
        return { median: times[Math.floor(count / 2)] ?? 0, slow: times[Math.floor(count * 0.95)] ?? 0 };
      },
      [pixels, frames],
    );
  const report = (what: string, of: { median: number; slow: number }) =>
    info.annotations.push({ type: what, description: `median ${of.median.toFixed(1)} ms, 95 % within ${of.slow.toFixed(1)} ms` });
  report('frames, first rows', await scroll(120, 120));
  expect(await drawn()).toBeLessThan(60);

  // To the end, as far as it has been read, again and again.
  const begun = Date.now();
  await grid.getByRole('row').nth(5).focus();
  await expect(async () => {
    await page.keyboard.press('End');
    await expect(row(page, 'Driver 099999')).toBeVisible({ timeout: 50 });
  }).toPass({ intervals: [50], timeout: 120_000 });
  info.annotations.push({ type: 'to the last of 100,000', description: `${((Date.now() - begun) / 1000).toFixed(1)} s` });
  await expect(page.getByText('100,000 users')).toBeVisible();
  // Each page once; those in sight may be read anew when what is known of them has grown old.
  expect(asked()).toBeLessThan(total / 200 + 10);
  expect(await drawn()).toBeLessThan(60);
  report('frames, all read', await scroll(-150, 120));

  // Anywhere at once, now that all are read.
  await grid.evaluate((node) => (node.scrollTop = node.scrollHeight / 2));
  await expect(row(page, 'Driver 050000')).toBeVisible();
  expect(await drawn()).toBeLessThan(60);
  await page.getByRole('checkbox', { name: 'Select all that are shown' }).check();
  await expect(page.getByText('100,000 selected')).toBeVisible();
  await row(page, 'Driver 050000').getByRole('checkbox').uncheck();
  await expect(page.getByText('99,999 selected')).toBeVisible();
  report('frames, all selected', await scroll(150, 60));
});

test('all that match are selected without scrolling there, and worked on in batches that can be stopped', async ({
  page,
  company,
  signIn,
  look,
}) => {
  await signIn(company.owner);
  await synthesise(page, 5_000);
  await toUsers(page);
  await page.getByRole('checkbox', { name: 'Select all that are shown' }).check();
  await expect(page.getByText(/^All \d+ users read so far are selected\.$/)).toBeVisible();
  await look('selected-loaded');
  await page.getByRole('button', { name: 'Select all that match' }).click();
  await expect(page.getByText('5,000 selected')).toBeVisible();

  const batches: number[] = [];
  let proceed = (): void => {};
  await page.route('**/v1/invitations/resend', async (route) => {
    const { users } = route.request().postDataJSON() as { users: string[] };
    batches.push(users.length);
    if (batches.length === 3) await new Promise<void>((resolve) => (proceed = resolve));
    const outcomes = users.map((user) => ({ user, outcome: 'done' }));
    await route.fulfill({ json: { done: users.length, unchanged: 0, refused: 0, outcomes } });
  });
  await page.getByRole('button', { name: 'Resend', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Resend invitations' });
  await expect(dialog).toContainText('Driver 000000, Driver 000001, Driver 000002 and 4,997 more');
  await expect(dialog).toContainText('5,000 users get a new e-mail');
  await dialog.getByRole('button', { name: 'Resend to 5,000 users' }).click();
  await expect(dialog.getByRole('progressbar')).toHaveAttribute('aria-valuenow', '400');
  await look('running');
  await dialog.getByRole('button', { name: 'Stop' }).click();
  await expect(dialog).toContainText('Stopping after');
  proceed();
  await expect(dialog.getByRole('tab', { name: 'Done 600' })).toBeVisible();
  await expect(dialog.getByRole('tab', { name: 'Not begun 4,400' })).toBeVisible();
  expect(batches).toEqual([200, 200, 200]);
});
