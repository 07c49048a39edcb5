import { expect, PASSWORD, test } from './fixtures';

test('somebody signs in, stays signed in over reloads, and signs out of all tabs', async ({ page, context, company, look }) => {
  await page.goto('/');
  await expect(page).toHaveURL('/sign-in');
  await look('sign-in');
  const login = page.getByLabel('E-mail address or username');
  const password = page.getByLabel('Password', { exact: true });
  await login.fill(company.owner);
  await password.fill('wrong horse battery staple');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('alert')).toHaveText('The name or the password is wrong.');
  await look('sign-in-wrong');
  await password.fill(PASSWORD);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Overview', level: 1 })).toBeVisible();
  await look('overview');

  const [cookie, ...others] = await context.cookies();
  expect(others).toEqual([]);
  expect(cookie).toMatchObject({
    name: '__Secure-muster_refresh',
    path: '/v1/sessions',
    httpOnly: true,
    secure: true,
    sameSite: 'Strict',
  });
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  expect(kept).toBe('[{"muster.session":"1"},{},""]');

  // As impatient people do. A reload that comes while the page is being replaced finds no page, and is asked for again.
  for (let times = 0; times < 3; times += 1) await expect(() => page.reload({ waitUntil: 'commit' })).toPass();
  await expect(page.getByRole('heading', { name: 'Overview', level: 1 })).toBeVisible();

  const second = await context.newPage();
  await second.goto('/');
  await expect(second.getByRole('heading', { name: 'Overview', level: 1 })).toBeVisible();

  await page.getByRole('button', { name: 'Your account: Olga Owner' }).press('Enter');
  await expect(page.getByRole('menuitemradio', { name: 'As the system' })).toBeFocused();
  await look('user-menu');
  await page.keyboard.press('End');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL('/sign-in');
  await expect(second).toHaveURL('/sign-in');
  await expect(second.getByText('You were signed out.')).toBeVisible();
  expect(await context.cookies()).toEqual([]);
});

test('an access token that ends is renewed without anybody noticing, once for two tabs', async ({
  page,
  context,
  company,
  stack,
  signIn,
}) => {
  await context.clock.install();
  await signIn(company.owner);
  const second = await context.newPage();
  await second.goto('/');
  await expect(second.getByText('MileOn')).toBeVisible();
  await stack.wait(20 * 60);
  await context.clock.fastForward('20:00');
  const renewals: number[] = [];
  for (const tab of [page, second]) {
    tab.on('response', (response) => {
      if (response.url().endsWith('/v1/sessions/refresh')) renewals.push(response.status());
    });
  }
  // Coming back to a tab reads anew what it shows.
  const returned = () => window.dispatchEvent(new Event('visibilitychange'));
  await Promise.all([page.evaluate(returned), second.evaluate(returned)]);
  await expect.poll(() => renewals).toEqual([200, 200]);
  await expect(page.getByText('MileOn')).toBeVisible();
  await expect(second.getByText('MileOn')).toBeVisible();
});

test('too many attempts have to wait, and are told how long', async ({ page, stack, look }) => {
  await page.goto('/sign-in');
  await page.getByLabel('E-mail address or username').fill('somebody@elsewhere.example');
  await page.getByLabel('Password', { exact: true }).fill('not the one');
  const submit = page.getByRole('button', { name: 'Sign in' });
  await expect(async () => {
    await submit.click();
    await expect(page.getByText(/^Too many attempts\. You can try again in \d+ (seconds?|minutes?)\.$/)).toBeVisible({
      timeout: 500,
    });
  }).toPass();
  await expect(submit).toBeDisabled();
  await look('sign-in-wait');
  await stack.wait(3600);
});

test('a member of two companies chooses one, and switches', async ({ page, context, stack, look }) => {
  const [north, south] = [await stack.company('Northwind'), await stack.company('Southwind')];
  const ada = { email: 'ada@both.example', first_name: 'Ada', class: 'standard', roles: ['auditor'], invite: true };
  await north.add(ada);
  await stack.activate('ada@both.example', 'ada.both');
  await south.add(ada);
  const token = (await stack.link('ada@both.example', 'activate', 2)).split('#')[1];
  await stack.post('/v1/activations', { token, password: PASSWORD });

  await page.goto('/sign-in');
  await page.getByLabel('E-mail address or username').fill('ada.both');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { name: 'Choose a company' })).toBeVisible();
  await look('choose-company');
  await page.getByRole('button', { name: 'Northwind' }).click();
  const company = page.getByRole('button', { name: /^Company: / });
  await expect(company).toHaveText('Northwind');

  const second = await context.newPage();
  await second.goto('/');
  await expect(second.getByRole('button', { name: /^Company: / })).toHaveText('Northwind');
  await company.click();
  await look('switch-company');
  await page.getByRole('menuitemradio', { name: 'Southwind' }).click();
  await expect(company).toHaveText('Southwind');
  // The other tab shows nothing of the former company any more.
  await expect(second.getByRole('button', { name: /^Company: / })).toHaveText('Southwind');
});

test('without a connection the console says so, and goes on once there is one', async ({ page, company, signIn, context, look }) => {
  await signIn(company.owner);
  await page.route('**/v1/products', (route) => route.abort());
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Muster cannot be reached' })).toBeVisible();
  await look('offline');
  await page.unroute('**/v1/products');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByText('MileOn')).toBeVisible();
  await context.setOffline(true);
  await page.getByRole('button', { name: /^Your account/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page.getByText('Check your connection and try again.')).toBeVisible();
  await context.setOffline(false);
  await expect(page.getByText('MileOn')).toBeVisible();
});

test('what is no page says so', async ({ page, company, signIn, look }) => {
  await page.goto('/nothing/here');
  await expect(page.getByRole('heading', { name: 'There is nothing at this address' })).toBeVisible();
  await signIn(company.owner);
  await page.goto('/nothing/here');
  await expect(page.getByRole('heading', { name: 'There is nothing at this address' })).toBeVisible();
  await look('not-found');
});

test('everything is said in German to whoever reads German, and in the theme that was chosen', async ({ browser, stack, company }) => {
  const context = await browser.newContext({ baseURL: stack.url, locale: 'de-DE', colorScheme: 'light' });
  const page = await context.newPage();
  await page.goto('/');
  await expect(page.getByRole('heading', { name: 'Anmelden' })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('lang', 'de');
  await page.getByLabel('E-Mail-Adresse oder Benutzername').fill(company.owner);
  await page.getByLabel('Passwort', { exact: true }).fill('falsch');
  await page.getByRole('button', { name: 'Anmelden' }).click();
  await expect(page.getByRole('alert')).toHaveText('Der Name oder das Passwort stimmt nicht.');
  await page.getByLabel('Passwort', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Anmelden' }).click();
  await expect(page.getByRole('heading', { name: 'Übersicht', level: 1 })).toBeVisible();

  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.getByRole('button', { name: /^Ihr Konto/ }).click();
  await page.getByRole('menuitemradio', { name: 'Dunkel' }).click();
  expect(await background()).not.toBe(light);
  await page.getByRole('menuitemradio', { name: 'English' }).click();
  await expect(page.getByRole('heading', { name: 'Overview', level: 1 })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Overview', level: 1 })).toBeVisible();
  expect(await background()).not.toBe(light);
  await context.close();
});
