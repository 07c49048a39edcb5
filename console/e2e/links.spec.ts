import { expect, PASSWORD, test } from './fixtures';

const DAY = 86_400;

test('somebody invited activates: username, password, and the two steps to the app', async ({ page, company, stack, look }) => {
  const form = { email: 'dora@drivers.example', first_name: 'Dora', last_name: 'Driver', invite: true };
  await company.add({ ...form, products: company.products });
  const link = await stack.link('dora@drivers.example', 'activate');
  // Opening it, however often, consumes nothing.
  await page.goto(link);
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Join Northwind Haulage' })).toBeVisible();
  await expect(page.getByText('Northwind Haulage invites dora@drivers.example.')).toBeVisible();
  await look('activate');
  await page.getByLabel('Username').fill('dora');
  const password = page.getByLabel('Choose a password');
  await password.fill('dora');
  await expect(page.getByText('6 more characters')).toBeVisible();
  await password.fill('password123');
  await expect(page.getByText('Too easy to guess')).toBeVisible();
  await page.getByRole('button', { name: 'Activate' }).click();
  await expect(password).toHaveAttribute('aria-invalid', 'true');
  await expect(password).toBeFocused();
  await look('activate-weak');
  await password.fill(PASSWORD);
  await expect(page.getByText('Very good')).toBeVisible();
  await page.getByRole('button', { name: 'Activate' }).click();
  await expect(page.getByRole('heading', { name: 'Your account is active' })).toBeVisible();
  await expect(page).toHaveURL('/activate');
  await expect(page.getByRole('link', { name: 'Google Play' }).first()).toHaveAttribute('href', 'https://play.example/app');
  const mail = await stack.mail('dora@drivers.example');
  const codes = await page.locator('code').allTextContents();
  expect(codes).toHaveLength(2);
  for (const code of codes) expect(mail.text).toContain(code);
  await look('activated');

  await page.goto(link);
  await expect(page.getByRole('heading', { name: 'Your account is active already' })).toBeVisible();
  await look('activate-used');
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.getByLabel('E-mail address or username').fill('dora');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('button', { name: 'Your account: Dora Driver' })).toBeVisible();
});

test('a taken username is said at its field', async ({ page, company, stack }) => {
  await company.add({ email: 'taken@drivers.example', invite: true });
  await stack.activate('taken@drivers.example', 'taken');
  await company.add({ email: 'late@drivers.example', invite: true });
  await page.goto(await stack.link('late@drivers.example', 'activate'));
  await page.getByLabel('Username').fill('Taken');
  await page.getByLabel('Choose a password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Activate' }).click();
  await expect(page.getByText('This username is taken.')).toBeVisible();
  await expect(page.getByLabel('Username')).toBeFocused();
});

test('somebody with a password joins with it', async ({ page, company, stack, look }) => {
  await company.add({ email: 'joan@drivers.example', invite: true });
  await stack.activate('joan@drivers.example', 'joan');
  const other = await stack.company('Southwind Couriers');
  await other.add({ email: 'joan@drivers.example', invite: true });
  await page.goto(await stack.link('joan@drivers.example', 'activate', 2));
  await expect(page.getByRole('heading', { name: 'Join Southwind Couriers' })).toBeVisible();
  await expect(page.getByLabel('Username')).toHaveCount(0);
  await look('join');
  await page.getByLabel('Your password').fill('not mine at all');
  await page.getByRole('button', { name: 'Join' }).click();
  await expect(page.getByText('This is not your password.')).toBeVisible();
  await page.getByLabel('Your password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Join' }).click();
  await expect(page.getByRole('heading', { name: 'Your account is active' })).toBeVisible();
});

test('a link that is over says why, and leads on', async ({ page, company, stack, look }) => {
  const id = await company.add({ email: 'ed@drivers.example', invite: true });
  const first = await stack.link('ed@drivers.example', 'activate');
  await company.post('/v1/invitations/resend', { users: [id] });
  const second = await stack.link('ed@drivers.example', 'activate', 2);
  await page.goto(first);
  await expect(page.getByRole('heading', { name: 'A newer link was sent' })).toBeVisible();
  await look('activate-replaced');
  await stack.wait(DAY);
  await page.goto(second);
  await expect(page.getByRole('heading', { name: 'This link has expired' })).toBeVisible();
  await look('activate-expired');
  await page.getByRole('button', { name: 'Send me a new link' }).click();
  await expect(page.getByRole('heading', { name: 'Look into your inbox' })).toBeVisible();
  await look('activate-renewed');
  await page.goto(await stack.link('ed@drivers.example', 'activate', 3));
  await expect(page.getByRole('heading', { name: 'Join Northwind Haulage' })).toBeVisible();

  await company.post('/v1/invitations/revoke', { users: [id] });
  await page.reload();
  await expect(page.getByRole('heading', { name: 'This invitation was withdrawn' })).toBeVisible();
  await look('activate-revoked');
  await page.goto('/activate#nonsense');
  await expect(page.getByRole('heading', { name: 'This is no activation link' })).toBeVisible();
  await look('activate-broken');
});

test('a link that ends while the form is filled in says so', async ({ page, company, stack }) => {
  await company.add({ email: 'slow@drivers.example', invite: true });
  await page.goto(await stack.link('slow@drivers.example', 'activate'));
  await page.getByLabel('Username').fill('slow');
  await page.getByLabel('Choose a password').fill(PASSWORD);
  await stack.wait(DAY);
  await page.getByRole('button', { name: 'Activate' }).click();
  await expect(page.getByRole('heading', { name: 'This link has expired' })).toBeVisible();
});

test('an answer that is lost on the way is made up for by trying again', async ({ page, company, stack }) => {
  await company.add({ email: 'lost@drivers.example', invite: true });
  await page.goto(await stack.link('lost@drivers.example', 'activate'));
  await page.getByLabel('Username').fill('lost');
  await page.getByLabel('Choose a password').fill(PASSWORD);
  await page.route('**/v1/activations', async (route) => {
    await route.fetch();
    await route.abort();
  });
  await page.getByRole('button', { name: 'Activate' }).click();
  await expect(page.getByText('Check your connection and try again.')).toBeVisible();
  await page.unroute('**/v1/activations');
  await page.getByRole('button', { name: 'Activate' }).click();
  await expect(page.getByRole('heading', { name: 'Your account is active' })).toBeVisible();
});

test('who has forgotten the password asks for a link and chooses a new one', async ({ page, company, stack, look }) => {
  await company.add({ email: 'fay@drivers.example', first_name: 'Fay', invite: true });
  await stack.activate('fay@drivers.example', 'fay');
  await page.goto('/sign-in');
  await page.getByRole('link', { name: 'Forgotten?' }).click();
  await look('forgotten');
  await page.getByLabel('E-mail address or username').fill('fay');
  await page.getByRole('button', { name: 'Send me a link' }).click();
  await expect(page.getByRole('heading', { name: 'Look into your inbox' })).toBeVisible();
  await look('forgotten-asked');
  const link = await stack.link('fay@drivers.example', 'reset', 2);
  await page.goto(link);
  await expect(page.getByRole('heading', { name: 'Choose a new password' })).toBeVisible();
  await look('reset');
  await page.getByLabel('New password').fill('another horse battery staple');
  await page.getByRole('button', { name: 'Set the password' }).click();
  await expect(page.getByRole('heading', { name: 'Your password is set' })).toBeVisible();
  await look('reset-done');
  await page.goto(link);
  await expect(page.getByRole('heading', { name: 'This link has been used' })).toBeVisible();
  await look('reset-used');
  await page.goto('/reset#nonsense');
  await expect(page.getByRole('heading', { name: 'This is no link to a new password' })).toBeVisible();
  await page.getByRole('link', { name: 'Ask for a new link' }).click();
  await expect(page).toHaveURL('/forgotten');
});

test('a new address is confirmed from the new one, or the change is cancelled from the old one', async ({
  page,
  company,
  stack,
  look,
}) => {
  const id = await company.add({ email: 'eve@drivers.example', first_name: 'Eve', invite: true });
  await stack.activate('eve@drivers.example', 'eve');
  await company.post(`/v1/users/${id}/email`, { email: 'eve@new.example' });
  const cancel = await stack.link('eve@drivers.example', 'email', 2);
  await page.goto(cancel);
  await expect(page.getByRole('heading', { name: 'Cancel the change?' })).toBeVisible();
  await look('email-cancel');
  await page.getByRole('button', { name: 'Cancel the change' }).click();
  await expect(page.getByRole('heading', { name: 'The change is cancelled' })).toBeVisible();
  await look('email-cancelled');
  await page.goto(await stack.link('eve@new.example', 'email'));
  await expect(page.getByRole('heading', { name: 'The change was cancelled' })).toBeVisible();
  await look('email-over');

  await company.post(`/v1/users/${id}/email`, { email: 'eve@newer.example' });
  const mail = await stack.mail('eve@newer.example');
  await page.goto(await stack.link('eve@newer.example', 'email'));
  await expect(page.getByRole('heading', { name: 'Confirm your new address' })).toBeVisible();
  await look('email-confirm');
  await page.getByLabel('Code').fill('000000');
  await page.getByRole('button', { name: 'Confirm this address' }).click();
  await expect(page.getByLabel('Code')).toHaveAttribute('aria-invalid', 'true');
  const code = /\b\d{3} ?\d{3}\b/.exec(mail.text)?.[0] ?? '';
  await page.getByLabel('Code').fill(code);
  await page.getByRole('button', { name: 'Confirm this address' }).click();
  await expect(page.getByRole('heading', { name: 'Your address is changed' })).toBeVisible();
  await look('email-confirmed');
});
