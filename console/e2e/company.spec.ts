import { expect, test } from './fixtures';

test('an owner changes settings; what is not saved is told, also on leaving', async ({ page, stack, signIn, look }) => {
  const company = await stack.company('Northwind Settings');
  await signIn(company.owner);
  await page.getByRole('navigation').getByRole('link', { name: 'Company settings' }).click();
  await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Northwind Settings');
  const phone = page.getByRole('group', { name: 'Phone numbers' });
  await expect(phone.getByRole('radio', { name: 'International' })).toBeChecked();
  await look('company');

  await phone.getByRole('radio', { name: 'Anything' }).check();
  await page.getByLabel('Name', { exact: true }).fill('Northwind Haulage');
  await page.getByLabel('Life of an activation link').fill('900');
  await page.getByRole('group', { name: 'Required of every user' }).getByLabel('External ID').check();
  await expect(page.getByText('4 unsaved changes')).toBeVisible();
  await page.getByRole('button', { name: 'Save changes' }).click();
  await expect(page.getByText('This must be a whole number from 1 to 720.')).toBeVisible();
  await expect(page.getByLabel('Life of an activation link')).toBeFocused();
  await look('company-unsaved');
  await page.getByLabel('Life of an activation link').fill('72');
  await expect(page.getByText('That is 3 days.')).toBeVisible();

  await page.getByRole('navigation').getByRole('link', { name: 'Roles' }).click();
  const leave = page.getByRole('dialog', { name: 'Leave without saving?' });
  await leave.getByRole('button', { name: 'Cancel' }).click();
  await expect(page).toHaveURL('/company');
  await page.goBack();
  await expect(leave).toBeVisible();
  await look('company-leave');
  await leave.getByRole('button', { name: 'Cancel' }).click();
  await expect(page).toHaveURL('/company');
  await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Northwind Haulage');

  await page.getByRole('button', { name: 'Save changes' }).click();
  await expect(page.getByText('The settings are saved.')).toBeVisible();
  await expect(page.getByText('unsaved change')).toHaveCount(0);
  await expect(page.getByRole('banner').getByText('Northwind Haulage')).toBeVisible();
  await page.reload();
  await expect(phone.getByRole('radio', { name: 'Anything' })).toBeChecked();
  await expect(page.getByLabel('Life of an activation link')).toHaveValue('72');
  await expect(page.getByRole('group', { name: 'Required of every user' }).getByLabel('External ID')).toBeChecked();

  // Changed and given up: nothing is asked any more.
  await phone.getByRole('radio', { name: 'International' }).check();
  await page.getByRole('navigation').getByRole('link', { name: 'Roles' }).click();
  await leave.getByRole('button', { name: 'Leave without saving' }).click();
  await expect(page).toHaveURL('/roles');
  await page.goBack();
  await expect(phone.getByRole('radio', { name: 'Anything' })).toBeChecked();
});

test('two change the settings: the second is shown both versions, and nothing is overwritten', async ({
  page,
  context,
  stack,
  signIn,
  look,
}) => {
  const company = await stack.company('Northwind Versions');
  await signIn(company.owner);
  await page.goto('/company');
  await page.getByRole('radio', { name: 'Wait for a review' }).waitFor();
  const second = await context.newPage();
  await second.goto('/company');
  await second.getByLabel('Name', { exact: true }).fill('Theirs');
  await second.getByRole('radio', { name: 'Are imported at once' }).check();
  await second.getByRole('button', { name: 'Save changes' }).click();
  await expect(second.getByText('The settings are saved.')).toBeVisible();

  await page.getByLabel('Name', { exact: true }).fill('Mine');
  await page.getByRole('radio', { name: 'At once', exact: true }).check();
  await page.getByRole('button', { name: 'Save changes' }).click();
  const conflict = page.getByRole('region', { name: 'Somebody else changed it meanwhile' });
  const name = conflict.getByRole('radiogroup', { name: 'Name' });
  await expect(name.getByRole('radio', { name: 'Theirs' })).not.toBeChecked();
  const dropped = conflict.getByRole('radiogroup', { name: 'Files dropped for import' });
  await expect(dropped.getByRole('radio', { name: 'Are imported at once' })).toBeChecked();
  await expect(dropped.getByRole('radio', { name: 'Wait for a review' })).not.toBeChecked();
  await expect(conflict).toBeInViewport();
  await look('company-conflict');
  await expect(page.getByRole('button', { name: 'Save changes' })).toBeDisabled();
  await name.getByRole('radio', { name: 'Mine' }).check();
  await expect(page.getByText('2 unsaved changes')).toBeVisible();
  await page.getByRole('button', { name: 'Save changes' }).click();
  await expect(page.getByText('The settings are saved.')).toBeVisible();
  await page.reload();
  await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Mine');
  await expect(page.getByRole('radio', { name: 'Are imported at once' })).toBeChecked();
  await expect(page.getByRole('radio', { name: 'At once', exact: true })).toBeChecked();
});

test('a refusal stands beside its field; who may not change settings does not see them', async ({ page, stack, signIn }) => {
  const company = await stack.company('Northwind Refused');
  await company.add({ email: 'adam@refused.example', first_name: 'Adam', class: 'standard', roles: ['auditor'], invite: true });
  await stack.activate('adam@refused.example', 'adam.refused');
  await signIn(company.owner);
  await page.goto('/company');
  await page.getByLabel('Name', { exact: true }).fill('  ');
  await page.getByRole('button', { name: 'Save changes' }).click();
  await expect(page.getByLabel('Name', { exact: true })).toHaveAttribute('aria-invalid', 'true');
  await page.getByRole('button', { name: 'Discard' }).click();
  await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Northwind Refused');

  await page.route('**/v1/tenant', (route) => (route.request().method() === 'PATCH' ? route.abort() : route.continue()));
  await page.getByLabel('Name', { exact: true }).fill('Other');
  await page.getByRole('button', { name: 'Save changes' }).click();
  await expect(page.getByRole('alert')).toContainText('Check your connection and try again.');
  await page.getByRole('button', { name: 'Discard' }).click();

  await page.getByRole('button', { name: /^Your account/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await signIn('adam@refused.example');
  await expect(page.getByRole('navigation').getByRole('link', { name: 'Company settings' })).toHaveCount(0);
  await page.goto('/company');
  await expect(page.getByRole('heading', { name: 'You may not see this' })).toBeVisible();
});
