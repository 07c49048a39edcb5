import type { Page, Route } from '@playwright/test';
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
  await page.getByRole('link', { name: 'Users' }).click();
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
  await page.getByRole('checkbox', { name: 'Class' }).uncheck();
  await page.keyboard.press('Escape');
  await page.reload();
  await expect(page.getByRole('columnheader', { name: 'Roles' })).toBeVisible();
  await expect(page.getByRole('columnheader', { name: 'Class' })).toBeHidden();
  await expect(row(page, 'Ada Lovelace')).toContainText('Driver');

  await row(page, 'Ada Lovelace').click();
  await expect(page).toHaveURL(/\?user=usr_\w+$/);
  await page.goBack();
  await expect(page).toHaveURL('/users');
  await expect(row(page, 'Ada Lovelace')).toBeVisible();
});
