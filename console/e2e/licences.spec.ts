import { expect, test } from './fixtures';

test('a licence manager sees who holds a product, takes a licence back, and gives it to somebody else', async ({
  page,
  stack,
  signIn,
  look,
}) => {
  const company = await stack.company('Northwind Haulage');
  const [copilot = '', mileOn = ''] = company.products;
  await company.add({ email: 'lee@northwind.example', first_name: 'Lee', last_name: 'Licence', class: 'standard', roles: ['licence_manager'], invite: true });
  await stack.activate('lee@northwind.example', 'lee');
  await company.add({ first_name: 'Ada', last_name: 'Lovelace', external_id: 'D-1', products: [copilot, mileOn] });
  await company.add({ kind: 'vehicle', external_id: 'Truck 7', products: [mileOn] });
  await company.add({ first_name: 'Grace', last_name: 'Hopper', external_id: 'D-2' });

  await signIn('lee');
  await page.getByRole('navigation').getByRole('link', { name: 'Licences' }).click();
  await expect(page.getByRole('meter', { name: 'MileOn' })).toHaveAttribute('aria-valuenow', '2');
  await expect(page.getByText('2 of 10 in use')).toBeVisible();
  await expect(page.getByText('8 seats left')).toBeVisible();
  await look('licences');
  await page.getByRole('link', { name: 'MileOn' }).click();
  await expect(page.getByRole('heading', { name: 'MileOn', level: 1 })).toBeVisible();
  await expect(page.getByRole('link', { name: 'Show in users' })).toHaveAttribute('href', `/users?product=${mileOn}`);
  const holders = page.getByRole('grid', { name: 'Who holds MileOn' });
  await expect(holders.getByRole('row')).toHaveCount(3);
  await expect(holders.getByRole('button', { name: 'Copy: code of Ada Lovelace' })).toBeVisible();
  await look('licences-holders');

  await holders.getByLabel('Select Ada Lovelace').check();
  await page.getByRole('button', { name: 'Un-assign' }).click();
  await expect(page.getByText('Their codes work no more')).toHaveCount(0);
  const ask = page.getByRole('dialog', { name: 'Un-assign MileOn?' });
  await expect(ask.getByText('Ada Lovelace')).toBeVisible();
  await look('licences-unassign');
  await ask.getByRole('button', { name: 'Un-assign 1 licence' }).click();
  await expect(page.getByText('1 licence is un-assigned.')).toBeVisible();
  await expect(holders.getByRole('row')).toHaveCount(2);
  await expect(page.getByText('1 of 10 in use')).toBeVisible();

  await page.getByRole('button', { name: 'Assign', exact: true }).click();
  const give = page.getByRole('dialog', { name: 'Assign MileOn' });
  await give.getByRole('combobox').fill('D-2');
  await give.getByRole('option', { name: 'Grace Hopper' }).click();
  await give.getByRole('combobox').fill('tru');
  await give.getByRole('option', { name: 'Truck 7' }).click();
  await give.getByRole('combobox').press('Escape');
  await give.getByRole('button', { name: 'Assign', exact: true }).click();
  // One had it already: what became of each is told.
  const outcomes = give.getByRole('list', { name: 'What it came to' }).getByRole('listitem');
  await expect(outcomes).toHaveText([/Grace Hopper.*Done/, /Truck 7.*Was so already/]);
  await look('licences-outcomes');
  await give.locator('footer').getByRole('button', { name: 'Close' }).click();
  await expect(holders.getByRole('link', { name: 'Grace Hopper' })).toBeVisible();

  await page.getByRole('button', { name: 'Licence', exact: true }).click();
  await page.getByRole('menuitemradio', { name: 'Activated' }).click();
  await expect(page).toHaveURL(`/licences?product=${mileOn}&licence=activated`);
  await expect(page.getByRole('heading', { name: 'Nobody with such a licence' })).toBeVisible();
  await look('licences-nobody');
});

test('when no seats are left it says where more come from, and whoever gets none is told why', async ({ page, stack, signIn, look }) => {
  const company = await stack.company('Southwind Couriers');
  const [, mileOn = ''] = company.products;
  const ids: string[] = [];
  for (let n = 1; n <= 10; n++) ids.push(await company.add({ kind: 'vehicle', external_id: `Van ${n}` }));
  await company.post(`/v1/products/${mileOn}/assign`, { users: ids.slice(0, 9) });
  await signIn(company.owner);
  await page.goto(`/licences?product=${mileOn}`);
  await expect(page.getByText('1 seat left')).toBeVisible();
  await page.getByRole('button', { name: 'Assign', exact: true }).click();
  const give = page.getByRole('dialog', { name: 'Assign MileOn' });
  // Somebody else is faster.
  await company.post(`/v1/products/${mileOn}/assign`, { users: [ids[9] ?? ''] });
  await give.getByRole('combobox').fill('olga');
  await give.getByRole('option', { name: 'Olga Owner' }).click();
  await give.getByRole('combobox').press('Escape');
  await give.getByRole('button', { name: 'Assign', exact: true }).click();
  await expect(give.getByText('No licences are left of this product.')).toBeVisible();
  await give.locator('footer').getByRole('button', { name: 'Close' }).click();
  await expect(page.getByText('More seats are bought through support.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Assign', exact: true })).toHaveCount(0);
  await look('licences-full');
});

test('who may not assign licences sees holders, but no codes and nothing to do', async ({ page, stack, company, signIn }) => {
  await company.add({ email: 'audrey@northwind.example', first_name: 'Audrey', class: 'standard', roles: ['auditor'], invite: true });
  await stack.activate('audrey@northwind.example', 'audrey');
  await company.add({ external_id: 'Bus 1', kind: 'vehicle', products: [...company.products] });
  await signIn('audrey');
  await page.goto(`/licences?product=${company.products[1]}`);
  await expect(page.getByRole('link', { name: 'Bus 1' })).toBeVisible();
  await expect(page.getByRole('columnheader', { name: 'Code' })).toHaveCount(0);
  await expect(page.getByRole('checkbox')).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Assign', exact: true })).toHaveCount(0);
});

test('what cannot be loaded can be tried again, and what is no product says so', async ({ page, stack, signIn, look }) => {
  const company = await stack.company('Westwind Logistics');
  await signIn(company.owner);
  await page.route('**/v1/users?*', (route) => route.abort());
  await page.goto(`/licences?product=${company.products[0]}`);
  await expect(page.getByRole('heading', { name: 'Muster cannot be reached' })).toBeVisible();
  await look('licences-error');
  await page.unroute('**/v1/users?*');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('heading', { name: 'Nobody holds it' })).toBeVisible();
  await page.goto('/licences?product=prd_0000000000000000');
  await expect(page.getByRole('heading', { name: 'There is no such product' })).toBeVisible();
});
