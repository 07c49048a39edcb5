import { expect, test } from './fixtures';

const business = {
  kind: 'business',
  company_name: 'Fast Wheels GmbH',
  registration_number: 'HRB 12345',
  vat_number: 'DE123456789',
  address: 'Am Hafen 1, 20457 Hamburg, Germany',
};

test('an account manager makes a client, and is told what is wrong where it is', async ({
  page,
  stack,
  signIn,
  look,
}) => {
  const company = await stack.company('Northwind Haulage');
  await company.add({ email: 'mara@northwind.example', first_name: 'Mara', class: 'standard', roles: ['account_manager'], invite: true });
  await stack.activate('mara@northwind.example', 'mara');
  await signIn('mara');
  await page.getByRole('navigation').getByRole('link', { name: 'Accounts' }).click();
  await expect(page.getByRole('heading', { name: 'No accounts yet' })).toBeVisible();
  await look('accounts-none');

  await page.getByRole('button', { name: 'New client' }).click();
  const client = page.getByRole('dialog', { name: 'New client' });
  await client.getByLabel('Name', { exact: true }).fill('Fast Wheels');
  await client.getByRole('radio', { name: 'Business' }).check();
  await client.getByLabel('Company name').fill(business.company_name);
  await client.getByRole('textbox', { name: 'VAT number' }).fill('DE12');
  await client.getByRole('button', { name: 'Create' }).click();
  await expect(client.getByLabel('Registration number')).toBeFocused();
  await expect(client.getByRole('textbox', { name: 'VAT number' })).toHaveAttribute('aria-invalid', 'true');
  await look('accounts-new-faults');
  await client.getByLabel('Registration number').fill(business.registration_number);
  await client.getByRole('textbox', { name: 'VAT number' }).fill(business.vat_number);
  await client.getByLabel('Address').fill(business.address);
  await client.getByRole('button', { name: 'Create' }).click();
  await expect(page.getByRole('heading', { name: 'Fast Wheels', level: 2 })).toBeVisible();
  await expect(page.getByText('DE123456789')).toBeVisible();
  // A client agrees on rates with those below it.
  await expect(page.getByRole('button', { name: 'Add a rate' })).toHaveCount(0);
});

test('a sub-account is made with a rate, gets another, and is deleted while its client is refused', async ({ page, stack, signIn, look }) => {
  // Other flows may have let time pass there, and a rate begins today at the earliest.
  await page.clock.install({ time: stack.now });
  const company = await stack.company('Northwind Haulage');
  const { id } = await company.post('/v1/accounts', { kind: 'client', name: 'Fast Wheels', holder: business });
  await signIn(company.owner);
  await page.goto(`/accounts?account=${String(id)}`);
  await expect(page.getByRole('link', { name: 'Show all in users' })).toHaveAttribute('href', `/users?account=${String(id)}`);
  await page.getByRole('button', { name: 'New sub-account' }).click();
  const sub = page.getByRole('dialog', { name: 'New sub-account of Fast Wheels' });
  await sub.getByLabel('Name', { exact: true }).fill('Ada Lovelace');
  await sub.getByLabel('Agree on a rate now').check();
  await sub.getByLabel('Amount per kWh').fill('0.3');
  await look('accounts-new-sub');
  await sub.getByRole('button', { name: 'Create' }).click();
  await expect(page.getByRole('heading', { name: 'Ada Lovelace', level: 2 })).toBeVisible();
  await expect(page.getByText('€0.30 per kWh')).toBeVisible();
  await expect(page.getByText('What an employee charges privately is paid back by itself')).toBeVisible();

  await page.getByRole('button', { name: 'Add a rate' }).click();
  const rate = page.getByRole('dialog', { name: 'Add a rate to Ada Lovelace' });
  await rate.getByLabel('Amount per kWh').fill('0.123456');
  await rate.getByRole('button', { name: 'Add a rate' }).click();
  // What is in force is never rewritten.
  await expect(rate.getByText('the rate of that day is in force')).toBeVisible();
  await expect(rate.getByLabel('First day')).toBeFocused();
  await rate.getByLabel('First day').fill('2040-04-01');
  await rate.getByRole('button', { name: 'Add a rate' }).click();
  const rates = page.getByRole('table', { name: 'Rates of Ada Lovelace' });
  await expect(rates.getByRole('row', { name: /from 1 Apr 2040 €0.123456 To come/ })).toBeVisible();
  await expect(rates.getByRole('row', { name: /to 31 Mar 2040 €0.30 In force/ })).toBeVisible();
  await look('accounts-rates');

  // Whoever has sub-accounts is not empty.
  await page.getByRole('link', { name: 'Fast Wheels' }).first().click();
  await page.getByRole('button', { name: 'Delete' }).click();
  const ask = page.getByRole('dialog', { name: 'Delete Fast Wheels?' });
  await ask.getByRole('button', { name: 'Delete' }).click();
  await expect(ask.getByText('There are users or sub-accounts in the account.')).toBeVisible();
  await look('accounts-not-empty');
  await ask.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('link', { name: 'Ada Lovelace' }).click();
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByText('Ada Lovelace is deleted.')).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Fast Wheels', level: 2 })).toBeVisible();
  await expect(page.getByText('No sub-accounts')).toBeVisible();
});

test('the tree is gone through by keyboard, searched, and of two who edit the second sees both versions', async ({
  page,
  stack,
  signIn,
  look,
}) => {
  const company = await stack.company('Southwind Couriers');
  const make = (form: Record<string, unknown>) => company.post('/v1/accounts', form);
  const { id, version } = await make({ kind: 'client', name: 'Fast Wheels', holder: business });
  await make({ kind: 'client', name: 'Slow Wheels' });
  const { id: north } = await make({ kind: 'subsidiary', parent: id, name: 'Wheels North', holder: business });
  await make({ kind: 'employee', parent: north, name: 'Grace Hopper' });
  await signIn(company.owner);
  await page.goto('/accounts');
  const link = (name: string) => page.getByRole('link', { name });
  await link('Fast Wheels').focus();
  await page.keyboard.press('ArrowRight');
  await expect(link('Wheels North')).toBeVisible();
  await page.keyboard.press('ArrowRight');
  await expect(link('Wheels North')).toBeFocused();
  await page.keyboard.press('ArrowRight');
  await expect(link('Grace Hopper')).toBeVisible();
  await page.keyboard.press('ArrowDown');
  await expect(link('Grace Hopper')).toBeFocused();
  await page.keyboard.press('ArrowDown');
  await expect(link('Slow Wheels')).toBeFocused();
  await page.keyboard.press('Home');
  await expect(link('Fast Wheels')).toBeFocused();
  await look('accounts-tree');
  await page.keyboard.press('ArrowLeft');
  await expect(link('Wheels North')).toHaveCount(0);
  await page.getByLabel('Search clients by name').fill('slow');
  await expect(link('Fast Wheels')).toHaveCount(0);
  await link('Slow Wheels').click();
  await expect(page.getByRole('heading', { name: 'Slow Wheels', level: 2 })).toBeVisible();
  await page.getByLabel('Search clients by name').fill('wheels');
  await expect(page.getByRole('heading', { name: 'Nothing begins so' })).toBeVisible();
  await page.getByLabel('Search clients by name').fill('');

  await link('Fast Wheels').click();
  await page.getByRole('button', { name: 'Edit' }).click();
  const edit = page.getByRole('dialog', { name: 'Edit Fast Wheels' });
  const token = await company.token();
  const faster = await fetch(`${stack.url}/v1/accounts/${String(id)}`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'if-match': `"${String(version)}"` },
    body: JSON.stringify({ name: 'Faster Wheels' }),
  });
  expect(faster.status).toBe(200);
  await edit.getByLabel('Address').fill('Kai 2, 20457 Hamburg, Germany');
  await edit.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(edit.getByText('Somebody else changed it meanwhile')).toBeVisible();
  const name = page.getByRole('radiogroup', { name: 'Name' });
  await expect(name.getByRole('radio', { name: 'Fast Wheels', exact: true })).not.toBeChecked();
  await look('accounts-conflict');
  // What one did not change stays as the other has saved it.
  await expect(name.getByRole('radio', { name: 'Faster Wheels' })).toBeChecked();
  await expect(page.getByRole('radio', { name: 'Kai 2, 20457 Hamburg, Germany' })).toBeChecked();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Faster Wheels is saved.')).toBeVisible();
  await expect(page.getByText('Kai 2, 20457 Hamburg, Germany')).toBeVisible();
});

test('the owner of an account sees it and what is below, and agrees on rates with those below only', async ({ page, stack, signIn, look }) => {
  const company = await stack.company('Eastwind Freight');
  const { id: client } = await company.post('/v1/accounts', { kind: 'client', name: 'Fast Wheels', holder: business });
  const { id: own } = await company.post('/v1/accounts', { kind: 'subsidiary', parent: client, name: 'Wheels North', rate: { per_kwh: '0.25' } });
  await company.post('/v1/accounts', { kind: 'employee', parent: own, name: 'Grace Hopper' });
  await company.post('/v1/accounts', { kind: 'client', name: 'Somebody else' });
  await company.add({ email: 'nora@wheels.example', first_name: 'Nora', class: 'standard', roles: ['account_owner'], account: own, invite: true });
  await stack.activate('nora@wheels.example', 'nora');
  await signIn('nora');
  await page.getByRole('navigation').getByRole('link', { name: 'Accounts' }).click();
  await expect(page.getByRole('link', { name: 'Grace Hopper' })).toBeVisible();
  await expect(page.getByText('Somebody else')).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'New client' })).toHaveCount(0);
  await page.getByRole('link', { name: /^Wheels North/ }).click();
  await expect(page.getByText('€0.25 per kWh')).toBeVisible();
  await expect(page.getByText('The account above agrees on its rates.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Add a rate' })).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Delete' })).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Edit' })).toBeVisible();
  await look('accounts-own');
  await page.getByLabel('Search your sub-accounts by name').fill('gra');
  await page.getByRole('link', { name: 'Grace Hopper' }).click();
  await page.getByRole('button', { name: 'Add a rate' }).click();
  await page.getByRole('dialog').getByLabel('Amount per kWh').fill('0.4');
  await page.getByRole('dialog').getByRole('button', { name: 'Add a rate' }).click();
  await expect(page.getByText('€0.40 per kWh')).toBeVisible();
  // Whom one invites from an account's page comes into that account.
  await page.getByRole('button', { name: 'Invite', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Invite a user' });
  await dialog.getByLabel('E-mail address').fill('gus@wheels.example');
  await dialog.getByRole('button', { name: 'Send invitation' }).click();
  await expect(page.getByText('gus@wheels.example').first()).toBeVisible();
  expect((await stack.mail('gus@wheels.example')).text).toContain('Eastwind Freight');
});

test('who does not manage accounts is not shown them', async ({ page, stack, company, signIn, look }) => {
  await company.add({ email: 'aaron@northwind.example', first_name: 'Aaron', class: 'standard', roles: ['auditor'], invite: true });
  await stack.activate('aaron@northwind.example', 'aaron');
  await signIn('aaron');
  await expect(page.getByRole('navigation').getByRole('link', { name: 'Groups' })).toBeVisible();
  await expect(page.getByRole('navigation').getByRole('link', { name: 'Accounts' })).toHaveCount(0);
  await page.goto('/accounts');
  await expect(page.getByRole('heading', { name: 'You may not see this' })).toBeVisible();

  await page.goto('/sign-in');
  await page.getByRole('button', { name: /^Your account/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await signIn(company.owner);
  await page.route('**/v1/accounts?*', (route) => route.abort());
  await page.goto('/accounts');
  await expect(page.getByRole('heading', { name: 'Muster cannot be reached' })).toBeVisible();
  await look('accounts-error');
  await page.unroute('**/v1/accounts?*');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('heading', { name: 'No accounts yet' })).toBeVisible();
});
