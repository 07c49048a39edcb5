import type { Locator, Page } from '@playwright/test';
import { expect, test } from './fixtures';

/** Opens a user's panel. */
async function open(page: Page, id: string, name: string): Promise<Locator> {
  await page.goto(`/users?user=${id}`);
  const panel = page.getByRole('dialog', { name });
  await expect(panel.getByRole('tab', { name: 'Details' })).toBeVisible();
  return panel;
}

/** Chooses from the panel's menu of further actions. */
async function choose(panel: Locator, action: string): Promise<void> {
  await panel.getByRole('button', { name: 'More actions' }).click();
  await panel.getByRole('menuitem', { name: action }).click();
}

test('a person is added with a licence, and invited at once', async ({ page, stack, signIn, look }) => {
  const company = await stack.company('Northwind Haulage');
  await company.post('/v1/groups', { kind: 'fleet', name: 'Fleet North' });
  await signIn(company.owner);
  await page.goto('/users');
  await page.getByRole('button', { name: 'New user' }).click();
  const dialog = page.getByRole('dialog', { name: 'New user' });
  await expect(dialog.getByText('50 of 50 left')).toBeVisible();
  await look('new-user');
  await dialog.getByRole('button', { name: 'Add user' }).click();
  await expect(dialog.getByLabel('External ID')).toHaveAttribute('aria-invalid', 'true');
  await expect(dialog.getByLabel('External ID')).toBeFocused();

  await dialog.getByLabel('First name').fill('Dora');
  await dialog.getByLabel('Last name').fill('Driver');
  await dialog.getByLabel('E-mail address', { exact: true }).fill('dora@panel.example');
  await dialog.getByLabel('Phone number').fill('12');
  const fleets = dialog.getByRole('combobox', { name: /^Fleets and tags(?! that)/ });
  await fleets.fill('fleet');
  await page.getByRole('option', { name: 'Fleet North' }).click();
  await fleets.press('Escape');
  await expect(dialog).toBeVisible();
  await dialog.getByText('MileOn').click();
  await dialog.getByText('Send an invitation at once').click();
  await dialog.getByRole('button', { name: 'Add and invite' }).click();
  await expect(dialog.getByLabel('Phone number')).toBeFocused();
  await look('new-user-faulty');
  await dialog.getByLabel('Phone number').fill('+4915112345678');
  await dialog.getByRole('button', { name: 'Add and invite' }).click();
  await expect(page.getByText('Dora Driver was added, and the invitation is on its way.')).toBeVisible();
  const panel = page.getByRole('dialog', { name: 'Dora Driver' });
  await expect(panel.getByText('Fleet North')).toBeVisible();
  await look('panel-details');
  await page.keyboard.press('Escape');
  await expect(page).toHaveURL('/users');
});

test('a vehicle is added after another, and what is cancelled leaves nothing', async ({ page, company, signIn, look }) => {
  await signIn(company.owner);
  await page.goto('/users');
  const opener = page.getByRole('button', { name: 'New user' });
  await opener.click();
  const dialog = page.getByRole('dialog', { name: 'New user' });
  await dialog.getByRole('radio', { name: 'Vehicle' }).check();
  await expect(dialog.getByRole('radiogroup', { name: 'Class' })).toBeHidden();
  await dialog.getByLabel('External ID').fill('TRUCK-1');
  await dialog.getByText('Add another afterwards').click();
  await look('new-vehicle');
  await dialog.getByRole('button', { name: 'Add user' }).click();
  await expect(page.getByText('TRUCK-1 was added.')).toBeVisible();
  await expect(dialog.getByLabel('External ID')).toHaveValue('');
  await expect(dialog.getByLabel('External ID')).toBeFocused();
  await dialog.getByLabel('External ID').fill('truck-1');
  await dialog.getByRole('button', { name: 'Add user' }).click();
  await expect(dialog.getByText('Another user has this external ID.')).toBeVisible();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await expect(dialog).toBeHidden();
  await expect(opener).toBeFocused();
  await opener.click();
  await expect(dialog.getByRole('radio', { name: 'Person' })).toBeChecked();
});

test('the panel tells of licences, the invitation, what is seen, and the history', async ({ page, stack, signIn, look }) => {
  const company = await stack.company('Northwind Haulage');
  const products = [company.products[1]];
  const form = { email: 'dana@panel.example', first_name: 'Dana', last_name: 'Driver', products, invite: true };
  const id = await company.add({ ...form, phone: '+4915112345678' });
  // Other flows may have let time pass there.
  await page.clock.install({ time: stack.now });
  await signIn(company.owner);
  const panel = await open(page, id, 'Dana Driver');
  await panel.getByRole('tab', { name: 'Licences' }).click();
  await expect(panel.locator('code')).toHaveText(/^(\w{4}-){3}\w{4}$/);
  await expect(panel.getByText('50 of 50 left')).toBeVisible();
  await look('panel-licences');
  await panel.getByRole('button', { name: 'Assign CoPilot' }).click();
  await expect(panel.locator('code')).toHaveCount(2);
  await panel.getByRole('button', { name: 'Un-assign CoPilot' }).click();
  await page.getByRole('dialog', { name: 'Un-assign CoPilot' }).getByRole('button', { name: 'Un-assign' }).click();
  await expect(panel.locator('code')).toHaveCount(1);

  await panel.getByRole('tab', { name: 'Invitation' }).click();
  await expect(panel.getByText('in 24 hours')).toBeVisible();
  await stack.post('/local/ses-events', { to: 'dana@panel.example', type: 'Delivery' });
  await expect(panel.getByText('Delivered')).toBeVisible();
  await panel.getByRole('button', { name: 'Send invitation again' }).last().click();
  await page.getByRole('dialog', { name: /again\?$/ }).getByRole('button', { name: 'Send invitation again' }).click();
  await expect(page.getByText('The invitation to Dana Driver is on its way again.')).toBeVisible();
  await stack.mail('dana@panel.example', 2);
  await stack.post('/local/ses-events', { to: 'dana@panel.example', type: 'Bounce' });
  await expect(panel.getByText('The recipient’s server turned the mail away.')).toBeVisible();
  await panel.getByText('Invitation sent again').click();
  await expect(panel.getByText('Mail of the invitation')).toBeVisible();
  await look('panel-invitation');

  await panel.getByRole('tab', { name: 'What they see' }).click();
  await expect(panel.getByText('Nobody but themself')).toBeVisible();
  await look('panel-preview');
  await panel.getByRole('tab', { name: 'History' }).click();
  await panel.getByText('User added', { exact: true }).click();
  await expect(panel.getByText('+4915112345678')).toBeVisible();
  await look('panel-history');
});

test('what was edited is saved; what somebody else changed meanwhile is shown beside it', async ({ page, company, stack, signIn, look }) => {
  const id = await company.add({ email: 'ada@panel.example', first_name: 'Ada', last_name: 'Byron', external_id: 'P-1' });
  await signIn(company.owner);
  const panel = await open(page, id, 'Ada Byron');
  await panel.getByRole('button', { name: 'Edit' }).click();
  const edit = page.getByRole('dialog', { name: 'Edit Ada Byron' });
  await edit.getByLabel('Last name').fill('Lovelace');
  await edit.getByLabel('First name').fill('Augusta');
  await edit.getByRole('radio', { name: 'Standard' }).check();
  await edit.getByText('Licence manager').click();
  await look('edit-user');

  const token = await company.token();
  const patch = (version: number, body: object) =>
    fetch(`${stack.url}/v1/users/${id}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, 'if-match': `"${version}"` },
      body: JSON.stringify(body),
    });
  expect((await patch(1, { last_name: 'King', phone: '+4915100000000' })).status).toBe(200);
  await edit.getByRole('button', { name: 'Save' }).click();
  const versions = page.getByRole('region', { name: 'Somebody else changed it meanwhile' });
  const name = versions.getByRole('radiogroup', { name: 'Last name' });
  await expect(name.getByText('It was: Byron')).toBeVisible();
  await expect(name.getByRole('radio', { name: 'King' })).not.toBeChecked();
  await expect(versions.getByRole('radiogroup', { name: 'First name' }).getByRole('radio', { name: 'Augusta' })).toBeChecked();
  await expect(versions.getByRole('radiogroup', { name: 'Phone number' }).getByRole('radio', { name: '+4915100000000' })).toBeChecked();
  await expect(page.getByRole('button', { name: 'Save', exact: true })).toBeDisabled();
  await look('edit-conflict');
  await name.getByRole('radio', { name: 'Lovelace' }).check();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByRole('dialog', { name: 'Augusta Lovelace' }).getByText('+4915100000000')).toBeVisible();
  await expect(page.getByText('Licence manager')).toBeVisible();

  // Taken external IDs are said at the field.
  await company.add({ external_id: 'P-2' });
  await panel.or(page.getByRole('dialog', { name: 'Augusta Lovelace' })).getByRole('button', { name: 'Edit' }).click();
  const again = page.getByRole('dialog', { name: 'Edit Augusta Lovelace' });
  await again.getByLabel('External ID').fill('P-2');
  await again.getByRole('button', { name: 'Save' }).click();
  await expect(again.getByText('Another user has this external ID.')).toBeVisible();
  await expect(again.getByLabel('External ID')).toBeFocused();
});

test('an active user: address, password, suspended, deleted and restored', async ({ page, company, stack, signIn, look }) => {
  const id = await company.add({ email: 'max@panel.example', first_name: 'Max', last_name: 'Muster', invite: true });
  await signIn(company.owner);
  let panel = await open(page, id, 'Max Muster');
  await choose(panel, 'Reset password…');
  const reset = page.getByRole('dialog', { name: 'Reset the password of Max Muster?' });
  await expect(reset.getByText('the activation mail is sent again instead')).toBeVisible();
  await reset.getByRole('button', { name: 'Send mail' }).click();
  await expect(page.getByText('so the activation mail was sent again')).toBeVisible();
  await stack.activate('max@panel.example', 'max.muster', 2);

  panel = await open(page, id, 'Max Muster');
  await choose(panel, 'Change e-mail address…');
  const change = page.getByRole('dialog', { name: 'Change the e-mail address of Max Muster' });
  await change.getByLabel('E-mail address').fill(company.owner);
  await change.getByRole('button', { name: 'Send confirmation' }).click();
  await expect(change.getByText('Another user has this e-mail address.')).toBeVisible();
  await change.getByLabel('E-mail address').fill('max@new.example');
  await look('email-change');
  await change.getByRole('button', { name: 'Send confirmation' }).click();
  await expect(panel.getByText('Changes to max@new.example once that is confirmed.')).toBeVisible();
  await look('panel-pending-email');
  await panel.getByRole('button', { name: 'Cancel the change…' }).click();
  await page.getByRole('button', { name: 'Cancel the change', exact: true }).click();
  await expect(panel.getByText('Changes to max@new.example')).toBeHidden();

  await choose(panel, 'Reset password…');
  await page.getByRole('button', { name: 'Send mail' }).click();
  await stack.link('max@panel.example', 'reset', 4);
  await choose(panel, 'Suspend…');
  await look('suspend');
  await page.getByRole('button', { name: 'Suspend', exact: true }).click();
  await expect(panel.getByText('Suspended', { exact: true })).toBeVisible();
  await panel.getByRole('button', { name: 'Reactivate' }).click();
  await page.getByRole('dialog', { name: /^Reactivate/ }).getByRole('button', { name: 'Reactivate' }).click();
  await expect(panel.getByText('Active', { exact: true })).toBeVisible();

  await choose(panel, 'Delete…');
  const confirm = page.getByRole('button', { name: 'Delete user' });
  await expect(confirm).toBeDisabled();
  await page.getByLabel('Type max@panel.example to confirm').fill('MAX@panel.example');
  await look('delete');
  await confirm.click();
  await expect(panel.getByText('Deleted', { exact: true })).toBeVisible();
  await expect(panel.getByRole('button', { name: 'Edit' })).toBeHidden();
  await panel.getByRole('button', { name: 'Restore' }).click();
  await page.getByRole('dialog', { name: /^Restore/ }).getByRole('button', { name: 'Restore' }).click();
  await expect(panel.getByText('Not invited')).toBeVisible();
});

test('a customer gets an account with its first user, and a driver in it', async ({ page, company, stack, signIn, look }) => {
  // Other flows may have let time pass there, and a rate begins today at the earliest.
  await page.clock.install({ time: stack.now });
  await signIn(company.owner);
  await page.goto('/users');
  await page.getByRole('button', { name: 'Invite user' }).click();
  const dialog = page.getByRole('dialog', { name: 'Invite a user' });
  await dialog.getByLabel('E-mail address').fill('carla@fast.example');
  await dialog.getByRole('radio', { name: 'A customer’s person' }).check();
  await dialog.getByRole('radio', { name: 'A new account' }).check();
  await dialog.getByLabel('Name of the account').fill('Fast Wheels');
  await dialog.getByRole('radio', { name: 'Business' }).check();
  await dialog.getByRole('textbox', { name: 'Company name' }).fill('Fast Wheels GmbH');
  await dialog.getByLabel('Registration number').fill('HRB 12345');
  await dialog.getByRole('textbox', { name: 'VAT number' }).fill('DE 12');
  await dialog.getByLabel('Address', { exact: true }).fill('Am Hafen 1, 20457 Hamburg');
  await dialog.getByRole('button', { name: 'Send invitation' }).click();
  await expect(dialog.getByRole('textbox', { name: 'VAT number' })).toBeFocused();
  await look('invite-new-account');
  await dialog.getByRole('textbox', { name: 'VAT number' }).fill('DE136695976');
  await dialog.getByRole('button', { name: 'Send invitation' }).click();
  await expect(page.getByText('The invitation to carla@fast.example is on its way.')).toBeVisible();
  const panel = page.getByRole('dialog', { name: 'carla@fast.example' });
  await expect(panel.getByText('Account owner')).toBeVisible();
  await expect(panel.getByText('Fast Wheels', { exact: true })).toBeVisible();
  await stack.activate('carla@fast.example', 'carla.fast');

  // She manages her own account and what is below: a colleague of hers is not hers to invite.
  await page.context().clearCookies();
  await signIn('carla.fast');
  await page.goto('/users');
  await page.getByRole('button', { name: 'Invite user' }).click();
  await expect(dialog.getByLabel('E-mail address')).toBeVisible();
  await expect(dialog.getByRole('radio', { name: 'A colleague' })).toBeHidden();
  await dialog.getByLabel('E-mail address').fill('dirk@fast.example');
  await dialog.getByRole('radio', { name: 'A new account' }).check();
  await expect(dialog.getByRole('radio', { name: 'Client' })).toBeHidden();
  await dialog.getByRole('radio', { name: 'Employee' }).check();
  await dialog.getByRole('combobox', { name: 'Below which account' }).click();
  await page.getByRole('option', { name: 'Fast Wheels' }).click();
  await dialog.getByLabel('Name of the account').fill('Dirk');
  await dialog.getByLabel('Agree on a rate now').check();
  await dialog.getByLabel('Amount per kWh').fill('0,30');
  await dialog.getByRole('button', { name: 'Send invitation' }).click();
  await expect(page.getByRole('dialog', { name: 'dirk@fast.example' }).getByText('Driver')).toBeVisible();
});

test('one is not shown what one may not do', async ({ page, company, stack, signIn, look }) => {
  await company.add({ email: 'lea@panel.example', first_name: 'Lea', class: 'standard', roles: ['user_manager'], invite: true });
  await stack.activate('lea@panel.example', 'lea.manager');
  const auditor = await company.add({ email: 'otto@panel.example', first_name: 'Otto', class: 'standard', roles: ['auditor'] });
  const [owner] = ((await (
    await fetch(`${stack.url}/v1/users?class=owner`, {
      headers: { authorization: `Bearer ${await company.token()}` },
    })
  ).json()) as { users: { id: string; name: string }[] }).users;
  await signIn('lea.manager');

  let panel = await open(page, auditor, 'Otto');
  await expect(panel.getByRole('tab', { name: 'History' })).toBeHidden();
  await panel.getByRole('tab', { name: 'Licences' }).click();
  await expect(panel.getByText('No licences')).toBeVisible();
  await panel.getByRole('button', { name: 'Edit' }).click();
  const edit = page.getByRole('dialog', { name: 'Edit Otto' });
  await expect(edit.getByRole('radio', { name: 'Standard' })).toBeDisabled();
  await expect(edit.getByRole('group', { name: 'Rights' }).getByText('The user holds rights that you do not hold')).toBeVisible();
  await expect(edit.getByRole('radio', { name: 'Owner' })).toBeHidden();
  await look('edit-locked');
  await edit.getByLabel('Last name').fill('Orwell');
  await edit.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('dialog', { name: 'Otto Orwell' })).toBeVisible();

  panel = await open(page, owner?.id ?? '', owner?.name ?? '');
  await expect(panel.getByText('Owner', { exact: true }).first()).toBeVisible();
  await expect(panel.getByRole('button', { name: 'Edit' })).toBeHidden();
  await expect(panel.getByRole('button', { name: 'More actions' })).toBeHidden();

  await page.goto('/users');
  await page.getByRole('button', { name: 'New user' }).click();
  const dialog = page.getByRole('dialog', { name: 'New user' });
  await dialog.getByRole('radio', { name: 'Standard' }).check();
  await expect(dialog.getByText('User manager')).toBeVisible();
  await expect(dialog.getByText('Auditor')).toBeHidden();
  await expect(dialog.getByText('MileOn')).toBeHidden();
});

test('a user who is not there, and Muster out of reach, are said', async ({ page, company, signIn, look }) => {
  await signIn(company.owner);
  await page.goto('/users?user=usr_0000000000000000');
  await expect(page.getByRole('heading', { name: 'This does not exist' })).toBeVisible();
  await look('panel-none');
  const id = await company.add({ email: 'nora@panel.example', first_name: 'Nora' });
  await page.route('**/v1/users/usr_*', (route) => route.abort());
  await page.goto(`/users?user=${id}`);
  await expect(page.getByRole('heading', { name: 'Muster cannot be reached' })).toBeVisible();
  await page.unroute('**/v1/users/usr_*');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('dialog', { name: 'Nora' })).toBeVisible();
});
