import { expect, test } from './fixtures';

test('an administrator makes a fleet, puts users into it, and takes them out', async ({
  page,
  stack,
  signIn,
  look,
}) => {
  const company = await stack.company('Northwind Haulage');
  await company.add({ kind: 'vehicle', external_id: 'Truck 7' });
  await company.add({ first_name: 'Ada', last_name: 'Lovelace', external_id: 'D-1' });
  await signIn(company.owner);
  await page.getByRole('navigation').getByRole('link', { name: 'Groups' }).click();
  await expect(page.getByRole('heading', { name: 'No fleets' })).toBeVisible();
  await look('groups-none');

  await page.getByRole('button', { name: 'New fleet' }).click();
  const make = page.getByRole('dialog', { name: 'New fleet' });
  await make.getByLabel('Name').fill('Fleet North');
  await look('groups-new');
  await make.getByRole('button', { name: 'Create' }).click();
  await expect(page.getByRole('heading', { name: 'Fleet North', level: 2 })).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Nobody is in it' })).toBeVisible();

  await page.getByRole('button', { name: 'Add users' }).click();
  const add = page.getByRole('dialog', { name: 'Add users to Fleet North' });
  await add.getByRole('combobox').fill('ada');
  await add.getByRole('option', { name: 'Ada Lovelace' }).click();
  await add.getByRole('combobox').fill('truck');
  await add.getByRole('option', { name: 'Truck 7' }).click();
  await look('groups-add');
  await add.getByRole('combobox').press('Escape');
  await add.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(page.getByText('2 users are in Fleet North now.')).toBeVisible();
  const members = page.getByRole('grid', { name: 'Users in Fleet North' });
  await expect(members.getByRole('row')).toHaveCount(3);
  await look('groups-members');

  await page.getByLabel('Search by name').last().fill('lov');
  await expect(page.getByRole('heading', { name: 'Nobody fits' })).toBeVisible();
  await page.getByLabel('Search by name').last().fill('');
  await members.getByLabel('Select Truck 7').check();
  await page.getByRole('button', { name: 'Take out' }).click();
  await page.getByRole('button', { name: 'Take 1 user out' }).click();
  await expect(page.getByText('1 user is taken out of Fleet North.')).toBeVisible();
  await expect(members.getByRole('row')).toHaveCount(2);
});

test('a fleet is renamed and deleted, and nobody with it', async ({ page, stack, signIn, look }) => {
  const company = await stack.company('Northwind Haulage');
  const { id } = await company.post('/v1/groups', { kind: 'fleet', name: 'Fleet North' });
  await company.add({ kind: 'vehicle', external_id: 'Truck 7', groups: [id] });
  await signIn(company.owner);
  await page.goto(`/groups?group=${String(id)}`);
  await expect(page.getByRole('link', { name: 'Truck 7' })).toBeVisible();
  await page.getByRole('button', { name: 'Rename' }).click();
  const rename = page.getByRole('dialog', { name: 'Rename Fleet North' });
  await rename.getByLabel('Name').fill('Fleet South');
  await rename.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'Fleet South', level: 2 })).toBeVisible();
  await expect(page.getByRole('list', { name: 'Fleets' }).getByRole('link')).toHaveText(['Fleet South']);

  await page.getByRole('button', { name: 'Delete' }).click();
  const ask = page.getByRole('dialog', { name: 'Delete Fleet South?' });
  await expect(ask.getByText('No user is deleted')).toBeVisible();
  await look('groups-delete');
  await ask.getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByText('Fleet South is deleted.')).toBeVisible();
  await expect(page).toHaveURL('/groups');
  await expect(page.getByRole('heading', { name: 'No fleets' })).toBeVisible();
});

test('a taken name is said at its field, and of two who rename the second sees both names', async ({ page, stack, signIn, look }) => {
  const company = await stack.company('Southwind Couriers');
  const { id, version } = await company.post('/v1/groups', { kind: 'tag', name: 'Night shift' });
  await company.post('/v1/groups', { kind: 'fleet', name: 'Fleet West' });
  await signIn(company.owner);
  await page.goto('/groups?kind=tag');
  await page.getByRole('link', { name: 'Night shift' }).click();
  await page.getByRole('button', { name: 'Rename' }).click();
  const name = page.getByRole('dialog').getByLabel('Name');
  await name.fill('fleet west');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('This name is taken.')).toBeVisible();
  await expect(name).toBeFocused();

  const token = await company.token();
  const faster = await fetch(`${stack.url}/v1/groups/${String(id)}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'if-match': `"${String(version)}"` },
    body: JSON.stringify({ name: 'Late shift' }),
  });
  expect(faster.status).toBe(200);
  await name.fill('Evening shift');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Somebody else changed it meanwhile')).toBeVisible();
  const names = page.getByRole('radiogroup', { name: 'Name' });
  await expect(names.getByRole('radio', { name: 'Late shift' })).not.toBeChecked();
  await expect(page.getByRole('button', { name: 'Save', exact: true })).toBeDisabled();
  await look('groups-conflict');
  await names.getByRole('radio', { name: 'Evening shift' }).check();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'Evening shift', level: 2 })).toBeVisible();
});

test('who may not manage groups sees them without anything to change', async ({ page, stack, signIn, look }) => {
  const company = await stack.company('Eastwind Freight');
  const { id } = await company.post('/v1/groups', { kind: 'fleet', name: 'Fleet East' });
  await company.add({ kind: 'vehicle', external_id: 'Bus 1', groups: [id] });
  await company.add({ email: 'audrey@eastwind.example', first_name: 'Audrey', class: 'standard', roles: ['auditor'], invite: true });
  await stack.activate('audrey@eastwind.example', 'audrey.east');
  await signIn('audrey.east');
  await page.goto('/groups');
  await page.getByRole('link', { name: 'Fleet East' }).click();
  await expect(page.getByRole('link', { name: 'Bus 1' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'Show in users' })).toHaveAttribute('href', `/users?group=${String(id)}`);
  for (const name of ['New fleet', 'Rename', 'Delete', 'Add users']) {
    await expect(page.getByRole('button', { name })).toHaveCount(0);
  }
  await expect(page.getByRole('checkbox')).toHaveCount(0);

  await page.goto('/groups?group=grp_0000000000000000');
  await expect(page.getByRole('heading', { name: 'This does not exist' })).toBeVisible();
  await look('groups-gone');
});
