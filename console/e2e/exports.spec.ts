import { expect, test } from './fixtures';

test('exports are kept on a page of their own and fetched from there', async ({ page, company, signIn, look }) => {
  await signIn(company.owner);
  await page.goto('/exports');
  await expect(page.getByRole('heading', { name: 'No exports yet' })).toBeVisible();
  await look('exports-none');
  await company.post('/v1/exports', { format: 'csv' });
  await company.post('/v1/exports', { of: 'audit' });
  await page.reload();
  const table = page.getByRole('table', { name: 'Exports' });
  await expect(table.getByText('Ready')).toHaveCount(2);
  await look('exports');
  const fetched = page.waitForEvent('download');
  await page.getByRole('button', { name: /^Download: Users/ }).click();
  expect((await fetched).suggestedFilename()).toMatch(/^users-\d{4}-\d{2}-\d{2}\.csv$/);
});

test('who may not export has no such page', async ({ page, company, stack, signIn }) => {
  await company.add({ email: 'lou@limited.example', invite: true });
  await stack.activate('lou@limited.example', 'lou.limited');
  await signIn('lou.limited');
  await expect(page.getByRole('navigation').getByRole('link', { name: 'Exports' })).toHaveCount(0);
  await page.goto('/exports');
  await expect(page.getByRole('heading', { name: 'You may not see this' })).toBeVisible();
});

test('exports that cannot be read can be asked for again', async ({ page, company, signIn }) => {
  await signIn(company.owner);
  await page.route('**/v1/exports', (route) => route.abort());
  await page.goto('/exports');
  await expect(page.getByRole('heading', { name: 'Muster cannot be reached' })).toBeVisible();
  await page.unroute('**/v1/exports');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('heading', { name: 'Exports', level: 1 })).toBeVisible();
});
