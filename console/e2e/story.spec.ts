// The main job, from the day a company is set up to the list in a spreadsheet, as people do it: mails are read in the
// inbox, links in them are clicked. The README shows pictures of it, which `make screenshots` has this make.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserContext, Locator, Page } from '@playwright/test';
import { expect, PASSWORD, test } from './fixtures';

const DAY = 86_400;
/** The most that a picture in the README weighs. */
const PICTURE_BYTES = 150_000;

const drivers = [
  'Uma Thorsen',
  'Amara Diallo',
  'Björn Lindqvist',
  'Chloé Girard',
  'Daniela Rossi',
  'Emeka Okafor',
  'Freya Hansen',
  'Gustavo Lima',
  'Hannah Schäfer',
  'Ivan Petrović',
  'Jasmin Öztürk',
  'Kofi Mensah',
  'Lena Hoffmann',
  'Mateusz Kowalski',
  'Noor Haddad',
  'Oscar Delgado',
  'Priya Raman',
  'Quentin Moreau',
  'Rosa Marchetti',
  'Samuel Adeyemi',
  'Tereza Nováková',
];
/** Who is followed through the page: she comes at once, he a day late, and the third not at all. */
const CHLOE = 'Chloé Girard';
const IVAN = 'Ivan Petrović';
const EMEKA = 'Emeka Okafor';
/** Who does not come in time; everybody else does. */
const late = [IVAN, EMEKA, 'Hannah Schäfer', 'Noor Haddad', 'Samuel Adeyemi'];
const INVITATION = 'Northwind Haulage invites you: get your app and activate it';

const ascii = (text: string) => text.normalize('NFD').replace(/[^\w .-]/g, '');
const username = (name: string) => ascii(name).toLowerCase().replace(' ', '.');
const address = (name: string) => `${username(name)}@northwind.example`;

/** Drivers and trucks of two depots, and a tablet; the address of one driver may be mistyped. */
const fileWith = (addressOf: (name: string) => string) =>
  [
    'External ID,Kind,First Name,Last Name,Email,Phone Number,Groups',
    ...drivers.map((name, n) => {
      const person = [`D-${1000 + n}`, 'person', ...name.split(' '), addressOf(name), `+491511234561${n % 10}`];
      return [...person, n % 3 === 0 ? 'Rotterdam' : 'Hamburg'].join(',');
    }),
    'TABLET-7,device,,,,,Hamburg',
    'TRUCK-101,vehicle,,,,,Hamburg',
    'TRUCK-102,vehicle,,,,,Hamburg',
    'TRUCK-103,vehicle,,,,,Hamburg',
    'TRUCK-201,vehicle,,,,,Rotterdam',
  ].join('\n');

/** Chooses a file as the file dialog does. */
async function choose(page: Page, name: string, content: string): Promise<void> {
  await page.getByLabel('Drop a CSV file here').setInputFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(content) });
}

const row = (page: Page, name: string) => page.getByRole('row').filter({ hasText: name });

/** Looks into the inbox for the newest mail to somebody, and opens it. */
async function openMail(context: BrowserContext, to: string, subject: string): Promise<Page> {
  const inbox = await context.newPage();
  await inbox.goto('/local/inbox');
  const mail = row(inbox, to).getByRole('link', { name: subject }).first();
  await expect(async () => {
    await inbox.getByLabel('To').fill(to);
    await inbox.getByRole('button', { name: 'Show' }).click();
    await expect(mail).toBeVisible({ timeout: 1_000 });
  }).toPass();
  await mail.click();
  return inbox;
}

const letter = (inbox: Page) => inbox.frameLocator('iframe');

/** Clicks the button of a mail, which opens a tab of its own. */
async function follow(inbox: Page, name: string): Promise<Page> {
  const opened = inbox.context().waitForEvent('page');
  await letter(inbox).getByRole('link', { name, exact: true }).click();
  return opened;
}

async function activate(page: Page, name: string): Promise<void> {
  await expect(page.getByRole('heading', { name: 'Join Northwind Haulage' })).toBeVisible();
  await page.getByLabel('Username').fill(name);
  await page.getByLabel('Choose a password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Activate' }).click();
  await expect(page.getByRole('heading', { name: 'Your account is active' })).toBeVisible();
}

/** Chooses one of a filter's values. */
async function filter(page: Page, name: string, value: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click();
  await page.getByRole('menuitemradio', { name: value }).or(page.getByRole('option', { name: value })).click();
  await expect(page.getByRole('button', { name: `${name}: ${value}` })).toBeVisible();
}

/** Assigns a product to all who are selected. */
async function assign(page: Page, product: string, users: number): Promise<Locator> {
  await page.getByRole('button', { name: 'Assign', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Assign licences' });
  await dialog.getByLabel('Product').selectOption(product);
  await dialog.getByRole('button', { name: `Assign to ${users} users` }).click();
  return dialog;
}

test('a company is set up, its drivers are imported, licensed, invited and followed up, and the list is exported', async ({
  page: owner,
  context,
  browser,
  stack,
  signIn,
}, info) => {
  test.setTimeout(180_000);
  await context.clock.install({ time: stack.now });
  const company = await stack.provision('Northwind Haulage', {
    email: 'olivia.bennett@northwind.example',
    first_name: 'Olivia',
    last_name: 'Bennett',
  });
  const wait = async (seconds: number) => {
    await stack.wait(seconds);
    await context.clock.fastForward(seconds * 1_000);
  };
  /** Somebody else, at a machine of their own. */
  const somebody = () => browser.newContext({ baseURL: stack.url, locale: 'en-GB' });
  const picture = async (name: string, page = owner) => {
    await page.screenshot({ path: info.outputPath(`${name}.png`), animations: 'disabled' });
  };
  /** A picture that the README shows, a little later: when what just happened is no more told in a corner. */
  const shown = async (name: string) => {
    await wait(40);
    await expect(owner.getByText('Being counted…')).toHaveCount(0);
    const path = join(process.env['MUSTER_SCREENSHOTS'] ?? info.outputDir, `${name}.png`);
    await owner.mouse.move(0, 0);
    await owner.screenshot({ path, animations: 'disabled' });
    expect(statSync(path).size, `${name} is heavy`).toBeLessThan(PICTURE_BYTES);
  };

  await test.step('the owner reads the mail, chooses a name and a password, and signs in', async () => {
    const inbox = await openMail(context, company.owner, 'Welcome to Muster: set up Northwind Haulage');
    await picture('mail-owner', inbox);
    const door = await follow(inbox, 'Set up your account');
    await activate(door, 'olivia');
    await inbox.close();
    await door.close();
    await signIn('olivia');
    await expect(owner.getByRole('region', { name: 'First steps' })).toBeVisible();
    await picture('first-steps');
  });

  await test.step('there are two fleets', async () => {
    await owner.getByRole('link', { name: 'Groups' }).click();
    for (const name of ['Hamburg', 'Rotterdam']) {
      await owner.getByRole('button', { name: 'New fleet' }).click();
      await owner.getByRole('dialog').getByLabel('Name').fill(name);
      await owner.getByRole('button', { name: 'Create' }).click();
      await expect(owner.getByRole('heading', { name, level: 2 })).toBeVisible();
    }
  });

  await test.step('a file is imported after a look at the plan, and again with the one bad row mended', async () => {
    await owner.getByRole('link', { name: 'Imports' }).click();
    const mistyped = address('Uma Thorsen').replace('.example', '');
    await choose(owner, 'drivers-and-trucks.csv', fileWith((name) => (name === 'Uma Thorsen' ? mistyped : address(name))));
    await expect(owner.getByRole('button', { name: '25 To add' })).toBeVisible();
    await expect(owner.getByRole('button', { name: '1 Refused' })).toBeVisible();
    await expect(row(owner, mistyped)).toContainText('Email is not an e-mail address.');
    await shown('import');
    await owner.getByRole('button', { name: 'Import…' }).click();
    await owner.getByRole('button', { name: 'Import 25 rows' }).click();
    await expect(owner.getByText('1 row was refused')).toBeVisible();
    await picture('imported');
    await owner.getByRole('link', { name: 'New import' }).click();
    await choose(owner, 'drivers-and-trucks-2.csv', fileWith(address));
    await expect(owner.getByRole('button', { name: '25 Unchanged' })).toBeVisible();
    await owner.getByRole('button', { name: 'Import…' }).click();
    await owner.getByRole('button', { name: 'Import 1 row' }).click();
    await expect(owner.getByText('Everything is imported')).toBeVisible();
    await owner.getByRole('link', { name: 'Go to the users' }).click();
    await expect(owner.getByText('27 users')).toBeVisible();
  });

  await test.step('licences are assigned in bulk, and it is told how many are left', async () => {
    await filter(owner, 'Group', 'Rotterdam');
    await expect(owner.getByText('8 users')).toBeVisible();
    await owner.getByRole('checkbox', { name: 'Select all that are shown' }).check();
    const some = await assign(owner, 'MileOn (10 left)', 8);
    await expect(some).toContainText('2 licences of MileOn are left.');
    await some.getByRole('button', { name: 'Close' }).last().click();
    await owner.getByRole('button', { name: 'Clear the selection' }).click();
    await owner.getByRole('button', { name: 'Clear all' }).click();

    await filter(owner, 'Kind', 'Person');
    await expect(owner.getByText('22 users')).toBeVisible();
    await owner.getByRole('checkbox', { name: 'Select all that are shown' }).check();
    await row(owner, 'Olivia Bennett').getByRole('checkbox').uncheck();
    const drivers = await assign(owner, 'CoPilot Truck with ActiveTraffic (50 left)', 21);
    await expect(drivers).toContainText('29 licences of CoPilot Truck with ActiveTraffic are left.');
    await picture('assigned');
    await drivers.getByRole('button', { name: 'Close' }).last().click();
  });

  await test.step('the drivers are invited in bulk', async () => {
    await owner.getByRole('button', { name: 'Invite', exact: true }).click();
    const dialog = owner.getByRole('dialog', { name: 'Invite users' });
    await expect(dialog).toContainText('21 users get an e-mail with an invitation.');
    await dialog.getByRole('button', { name: 'Invite 21 users' }).click();
    await expect(dialog.getByRole('tab', { name: 'Done 21' })).toBeVisible();
    await picture('invited');
    await dialog.getByRole('button', { name: 'Close' }).last().click();
    await expect(row(owner, CHLOE)).toContainText('Activation pending');
    for (const name of drivers) await stack.mail(address(name));
    await stack.post('/local/ses-events', { to: address(EMEKA), type: 'Bounce' });
  });

  await test.step('a driver reads the two steps in the mail, and activates', async () => {
    const device = await somebody();
    const inbox = await openMail(device, address(CHLOE), INVITATION);
    await expect(letter(inbox).getByRole('heading', { name: 'Get the apps' })).toBeVisible();
    await expect(letter(inbox).getByRole('link', { name: 'Google Play' })).toHaveCount(2);
    await expect(letter(inbox).getByRole('heading', { name: 'Activate your account' })).toBeVisible();
    await picture('mail-driver', inbox);
    const door = await follow(inbox, 'Activate your account');
    await activate(door, username(CHLOE));
    await picture('activated', door);
    await device.close();
    const others = drivers.filter((name) => name !== CHLOE && !late.includes(name));
    for (const name of others) await stack.activate(address(name), username(name));
  });

  await test.step('her app redeems its licence code', async () => {
    await owner.getByRole('button', { name: 'Clear the selection' }).click();
    await row(owner, CHLOE).click();
    const panel = owner.getByRole('dialog', { name: CHLOE });
    await panel.getByRole('tab', { name: 'Licences' }).click();
    await expect(panel.getByText('Assigned', { exact: true })).toHaveCount(2);
    const code = await panel.locator('code').first().textContent();
    await stack.post('/v1/licences/activate', { code, device: 'Cab tablet 12' });
    await owner.reload();
    await panel.getByRole('tab', { name: 'Licences' }).click();
    await expect(panel.getByText('Activated', { exact: true })).toBeVisible();
    await expect(panel).toContainText('Cab tablet 12');
    await panel.getByRole('button', { name: 'Close' }).click();
  });

  await test.step('whoever did not come in a day shows as expired, and one of them finds that the link is over', async () => {
    await wait(DAY);
    const device = await somebody();
    const door = await follow(await openMail(device, address(IVAN), INVITATION), 'Activate your account');
    await expect(door.getByRole('heading', { name: 'This link has expired' })).toBeVisible();
    await picture('expired', door);
    await device.close();
    await owner.reload();
    await filter(owner, 'Status', 'Invitation expired');
    await expect(owner.getByText('5 users')).toBeVisible();
  });

  await test.step('he is sent another one, which works; the others stay expired', async () => {
    await row(owner, IVAN).getByRole('checkbox').check();
    await owner.getByRole('button', { name: 'Resend', exact: true }).click();
    await owner.getByRole('dialog').getByRole('button', { name: 'Resend to 1 user' }).click();
    await expect(owner.getByText(`${IVAN}: done.`)).toBeVisible();
    await stack.mail(address(IVAN), 2);
    await owner.goto('/users');
    await expect(row(owner, IVAN)).toContainText('Activation pending');
    await row(owner, CHLOE).click();
    const panel = owner.getByRole('dialog', { name: CHLOE });
    await panel.getByRole('tab', { name: 'Licences' }).click();
    await expect(panel.getByText('Activated', { exact: true })).toBeVisible();
    await shown('users');
    await panel.getByRole('button', { name: 'Close' }).click();
    await owner.getByRole('link', { name: 'Overview' }).click();
    await expect(owner.getByRole('link', { name: /^Active 17 / })).toBeVisible();
    await expect(owner.getByText('21 of 50 in use')).toBeVisible();
    await expect(owner.getByText('8 of 10 in use')).toBeVisible();
    await shown('overview');

    const device = await somebody();
    const door = await follow(await openMail(device, address(IVAN), INVITATION), 'Activate your account');
    await activate(door, username(IVAN));
    await device.close();
    await owner.getByRole('link', { name: 'Users', exact: true }).click();
    await expect(row(owner, IVAN)).toContainText('Active');
    await expect(row(owner, EMEKA)).toContainText('Invitation expired');
  });

  await test.step('the list is exported, as a workbook and as CSV', async () => {
    await owner.getByRole('link', { name: 'Users', exact: true }).click();
    await owner.getByRole('button', { name: 'Export' }).click();
    const dialog = owner.getByRole('dialog', { name: 'Export users' });
    const fetched = async (format: string) => {
      await dialog.getByLabel(format).check();
      await dialog.getByRole('button', { name: 'Start export' }).click();
      await expect(dialog).toContainText('27 users are in it.');
      const download = owner.waitForEvent('download');
      await dialog.getByRole('link', { name: 'Download' }).click();
      const file = await download;
      return { name: file.suggestedFilename(), content: readFileSync(await file.path()) };
    };
    const workbook = await fetched('Excel workbook');
    expect(workbook.name).toMatch(/^users-[\d-]+\.xlsx$/);
    // As all archives begin.
    expect(workbook.content.subarray(0, 2).toString()).toBe('PK');
    await picture('exported');
    await dialog.getByRole('button', { name: 'Another export' }).click();
    await dialog.getByLabel('External ID').check();
    const table = await fetched('CSV');
    expect(table.name).toMatch(/^users-[\d-]+\.csv$/);
    const lines = table.content.toString().trim().split(/\r?\n/);
    expect(lines).toHaveLength(28);
    for (const [n, name] of drivers.entries()) {
      const line = lines.find((one) => one.includes(name));
      expect(line).toContain(address(name));
      expect(line).toContain(`D-${1000 + n}`);
      expect(line).toContain(name !== IVAN && late.includes(name) ? ',Invitation expired,' : ',Active,');
    }
  });
});
