import { expect, PASSWORD, test } from './fixtures';

const cell = (page: import('@playwright/test').Page, permission: string, column: number) =>
  page.getByRole('row', { name: new RegExp(permission) }).getByRole('cell').nth(column);

test('an owner defines a role, changes it and deletes it', async ({ page, stack, signIn, look }) => {
  const company = await stack.company('Northwind Roles');
  await signIn(company.owner);
  await page.getByRole('navigation').getByRole('link', { name: 'Roles' }).click();
  await expect(page.getByRole('columnheader', { name: /Account manager/ })).toBeVisible();
  await expect(page.getByRole('columnheader', { name: /User manager/ })).toContainText('Built in');
  await expect(cell(page, 'Invite users', 0)).toHaveText('Yes');
  await expect(cell(page, 'Assign licences', 0)).toContainText('No');
  await look('roles');

  await page.getByRole('button', { name: 'New role' }).click();
  const dialog = page.getByRole('dialog', { name: 'New role' });
  await dialog.getByRole('button', { name: 'Define role' }).click();
  await expect(dialog.getByText('Please fill this in.')).toBeVisible();
  await expect(dialog.getByText('Choose one permission at least.')).toBeVisible();
  await dialog.getByLabel('Name', { exact: true }).fill('Auditor');
  await dialog.getByLabel('See users').check();
  await dialog.getByLabel('Assign licences').check();
  await dialog.getByRole('button', { name: 'Define role' }).click();
  await expect(dialog.getByText('is that of a built-in role').or(dialog.getByText('This name is taken.'))).toBeVisible();
  await look('role-new');
  await dialog.getByLabel('Name', { exact: true }).fill('Dispatcher');
  await page.keyboard.press('Enter');
  await expect(page.getByText('The role Dispatcher is defined.')).toBeVisible();
  await expect(cell(page, 'Assign licences', 6)).toHaveText('Yes');

  await page.getByRole('button', { name: 'Actions for Dispatcher' }).click();
  await page.getByRole('menuitem', { name: 'Change…' }).click();
  const change = page.getByRole('dialog', { name: 'Change role' });
  await change.getByLabel('Assign licences').uncheck();
  await change.getByLabel('Export users').check();
  await change.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('The role Dispatcher is changed.')).toBeVisible();
  await expect(cell(page, 'Assign licences', 6)).toContainText('No');
  await expect(cell(page, 'Export users', 6)).toHaveText('Yes');

  const { roles } = (await (
    await fetch(`${stack.url}/v1/roles`, { headers: { authorization: `Bearer ${await company.token()}` } })
  ).json()) as { roles: { id: string; name: string }[] };
  const id = roles.find(({ name }) => name === 'Dispatcher')?.id;
  await company.add({ external_id: 'D-1', kind: 'person', first_name: 'Dora', class: 'standard', roles: [id] });
  await page.getByRole('button', { name: 'Actions for Dispatcher' }).click();
  await page.getByRole('menuitem', { name: 'Delete…' }).click();
  const ask = page.getByRole('dialog', { name: 'Delete the role Dispatcher?' });
  await expect(ask.getByText('1 user has it: Dora.')).toBeVisible();
  await look('role-delete');
  await ask.getByRole('button', { name: 'Delete role' }).click();
  await expect(page.getByText('The role Dispatcher is deleted.')).toBeVisible();
  await expect(page.getByRole('columnheader', { name: /Dispatcher/ })).toHaveCount(0);
});

test('two change one role: the second is shown both versions, and nothing is overwritten', async ({
  page,
  context,
  stack,
  signIn,
  look,
}) => {
  const company = await stack.company('Northwind Two');
  await company.post('/v1/roles', { name: 'Dispatcher', permissions: ['users.read', 'users.invite'] });
  await signIn(company.owner);
  const open = async (tab: typeof page) => {
    await tab.goto('/roles');
    await tab.getByRole('button', { name: 'Actions for Dispatcher' }).click();
    await tab.getByRole('menuitem', { name: 'Change…' }).click();
    return tab.getByRole('dialog', { name: 'Change role' });
  };
  const mine = await open(page);
  const second = await context.newPage();
  const theirs = await open(second);

  await theirs.getByLabel('Export users').check();
  await theirs.getByLabel('Name', { exact: true }).fill('Dispatch');
  await theirs.getByRole('button', { name: 'Save' }).click();
  await expect(second.getByText('The role Dispatch is changed.')).toBeVisible();

  await mine.getByLabel('Import users').check();
  await mine.getByRole('button', { name: 'Save' }).click();
  const conflict = mine.getByRole('region', { name: 'Somebody else changed it meanwhile' });
  await expect(conflict).toContainText('Somebody else changed it meanwhile');
  const picked = (field: string, value: string) =>
    expect(conflict.getByRole('radiogroup', { name: field }).getByRole('radio', { name: value, exact: true })).toBeChecked();
  await picked('Name', 'Dispatch');
  await picked('Export users', 'Yes');
  await picked('Import users', 'Yes');
  await look('role-conflict');
  await mine.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('The role Dispatch is changed.')).toBeVisible();
  await expect(cell(page, 'Import users', 6)).toHaveText('Yes');
  await expect(cell(page, 'Export users', 6)).toHaveText('Yes');
});

test('nobody gives what they do not hold, nor changes what they have; who may not define roles only looks', async ({
  page,
  stack,
  signIn,
  look,
}) => {
  const company = await stack.company('Northwind Reach');
  const lead = await company.post('/v1/roles', { name: 'Lead', permissions: ['roles.manage', 'users.invite'] });
  await company.post('/v1/roles', { name: 'Watcher', permissions: ['audit.read'] });
  await company.post('/v1/roles', { name: 'Host', permissions: ['users.invite'] });
  const people = [
    ['lena@reach.example', [lead['id']]],
    ['adam@reach.example', ['auditor']],
  ] as const;
  for (const [email, roles] of people) {
    await company.add({ email, first_name: email.slice(0, 4), class: 'standard', roles, invite: true });
    await stack.activate(email, email.slice(0, 4));
  }

  await signIn('lena@reach.example');
  await page.goto('/roles');
  await expect(page.getByRole('columnheader', { name: /Lead/ })).toContainText('You have it');
  await expect(page.getByRole('columnheader', { name: /Watcher/ })).toContainText('Beyond your rights');
  await page.getByRole('button', { name: 'Actions for Host' }).click();
  await page.getByRole('menuitem', { name: 'Change…' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByLabel('Read the audit trail')).toBeDisabled();
  await expect(dialog.getByLabel('Invite users')).toBeEnabled();
  await look('role-reach');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: /^Your account/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();

  await page.getByLabel('E-mail address or username').fill('adam@reach.example');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.keyboard.press('Enter');
  await page.getByRole('navigation').getByRole('link', { name: 'Roles' }).click();
  await expect(page.getByRole('columnheader', { name: /Host/ })).toBeVisible();
  await expect(page.getByRole('button', { name: 'New role' })).toHaveCount(0);
  await expect(page.getByRole('button', { name: /^Actions for/ })).toHaveCount(0);
});

test('on a phone one role is shown at a time; without an answer one can try again', async ({ page, company, signIn }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.route('**/v1/roles', (route) => route.fulfill({ status: 403, contentType: 'application/problem+json', body: '{"status":403,"code":"forbidden","title":"","detail":""}' }));
  await signIn(company.owner);
  await page.goto('/roles');
  await expect(page.getByRole('heading', { name: 'You may not see this' })).toBeVisible();
  await page.unroute('**/v1/roles');
  await page.route('**/v1/roles', (route) => route.abort());
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Muster cannot be reached' })).toBeVisible();
  await page.unroute('**/v1/roles');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByLabel('Role', { exact: true }).selectOption('Auditor');
  await expect(page.getByRole('listitem').filter({ hasText: 'Read the audit trail' })).toContainText('Yes');
  await expect(page.getByRole('listitem').filter({ hasText: 'Define roles' })).toContainText('No');
});
