import type { Page } from '@playwright/test';
import { expect, test } from './fixtures';
import type { Company, Stack } from './stack';

const HEADER = 'External ID,Email,First Name,Last Name';

/** Chooses a file as the file dialog does. */
async function choose(page: Page, name: string, content: string | Buffer): Promise<void> {
  const buffer = typeof content === 'string' ? Buffer.from(content) : content;
  await page.getByLabel('Drop a CSV file here').setInputFiles({ name, mimeType: 'text/csv', buffer });
}

// Windows-1252 and semicolons, as a German Excel saves it.
const FILE = Buffer.from(
  [
    'External ID;Email;First Name;Last Name;Depot',
    'D-1;;Ada;Müller-Lüdenscheidt;Köln',
    'D-2;;Grace;;Köln',
    'D-3;jörg;Jörg;Größe;Köln',
    'D-4;zoe@drivers.example;Zoë;Straße;Köln',
    'D-4;zora@drivers.example;Zora;Twice;Köln',
    ...Array.from({ length: 40 }, (_, n) => `T-${n};;Truck;No ${n};Köln`),
  ].join('\r\n'),
  'latin1',
);

/** A company with two users whom the file knows. */
async function known(stack: Stack, name: string): Promise<Company> {
  const company = await stack.company(name);
  await company.add({ external_id: 'D-1', first_name: 'Ada', last_name: 'Old' });
  await company.add({ external_id: 'D-2', first_name: 'Grace' });
  return company;
}

const tile = (page: Page, name: string) => page.getByRole('group', { name: 'Rows, by what becomes' }).getByRole('button', { name });
const outcome = (page: Page, title: string) => expect(page.getByText(title, { exact: true })).toBeVisible({ timeout: 30_000 });

test('who has imported nothing yet is told how, and imports the sample file', async ({ page, stack, signIn, look }) => {
  const company = await stack.company('Beginning Haulage');
  await signIn(company.owner);
  await page.goto('/imports');
  await expect(page.getByText('Nothing has been imported yet')).toBeVisible();
  await look('imports-empty');
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download a sample file' }).click();
  const sample = await download;
  expect(sample.suggestedFilename()).toBe('muster-sample.csv');
  await page.getByLabel('Drop a CSV file here').setInputFiles(await sample.path());
  await expect(tile(page, '4 To add')).toBeVisible();
});

test('a file of a spreadsheet program is dropped, and looked through before anything is written', async ({
  page,
  stack,
  signIn,
  look,
}) => {
  const company = await known(stack, 'Importing Haulage');
  await signIn(company.owner);
  await page.getByRole('link', { name: 'Imports', exact: true }).click();
  await expect(page.getByText('Nothing has been imported yet')).toBeVisible();

  const transfer = await page.evaluateHandle((bytes) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(bytes)], 'Fahrer März.csv', { type: 'text/csv' }));
    return transfer;
  }, [...FILE]);
  await page.dispatchEvent('body', 'dragover', { dataTransfer: transfer });
  await expect(page.getByText('Let go to upload')).toBeVisible();
  await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });

  await expect(page.getByRole('heading', { name: 'Fahrer März.csv', level: 1 })).toBeVisible();
  await expect(page.getByText('Ready for review')).toBeVisible();
  await expect(page.getByText('Windows-1252')).toBeVisible();
  await expect(page.getByText('Semicolon')).toBeVisible();
  await expect(page.getByText('One column is not used')).toBeVisible();
  await expect(page.getByText('Depot. Rename it if it should be.')).toBeVisible();
  await expect(tile(page, '41 To add')).toBeVisible();
  await expect(tile(page, '1 To change')).toBeVisible();
  await expect(tile(page, '1 Unchanged')).toBeVisible();
  await expect(page.getByRole('row', { name: 'Größe' })).toBeVisible();
  await look('import-ready');

  await tile(page, '2 Refused').click();
  await expect(page).toHaveURL(/\?outcome=refused$/);
  await expect(page.getByRole('row')).toHaveCount(3);
  await expect(page.getByRole('row', { name: 'Email is not an e-mail address.' })).toBeVisible();
  await expect(page.getByRole('row', { name: 'The External ID is that of line 5 already.' })).toBeVisible();
  await tile(page, '1 To change').click();
  await page.getByRole('row', { name: 'Müller-Lüdenscheidt' }).press('Enter');
  const panel = page.getByRole('dialog', { name: 'Line 2' });
  await expect(panel.getByText('Now: Old')).toBeVisible();
  await look('import-row');
  await panel.getByRole('button', { name: 'Close' }).click();
});

test('a plan is carried out and reported on, and stays in the history', async ({ page, stack, signIn, look }) => {
  const company = await known(stack, 'Reporting Haulage');
  await signIn(company.owner);
  await page.goto('/imports');
  await choose(page, 'Fahrer März.csv', FILE);
  await page.getByRole('button', { name: 'Import…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Import Fahrer März.csv?' });
  await expect(dialog.getByRole('listitem')).toHaveText([
    '41 users are added',
    '1 user is changed',
    '1 row changes nothing',
    '2 rows are refused and left out',
  ]);
  await look('import-confirm');
  await dialog.getByRole('button', { name: 'Import 42 rows' }).click();
  await outcome(page, '2 rows were refused');
  await expect(page.getByText('Done with errors')).toBeVisible();
  await expect(tile(page, '41 Added')).toBeVisible();
  await tile(page, '2 Refused').click();
  await expect(page.getByRole('row', { name: 'The External ID is that of line 5 already.' })).toBeVisible();
  await look('import-done-with-errors');
  const report = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download the report' }).click();
  expect((await report).suggestedFilename()).toBe('report.csv');

  await page.getByRole('link', { name: 'All imports' }).click();
  const before = page.getByRole('row', { name: 'Fahrer März.csv' });
  await expect(before.getByText('41 added · 1 changed · 1 unchanged · 2 refused')).toBeVisible();
  await expect(before.getByText('You')).toBeVisible();
  await look('imports');
});

test('a file that is no list of users says why, and the next one may be', async ({ page, company, signIn, look }) => {
  await signIn(company.owner);
  await page.goto('/imports');
  await choose(page, 'logo.csv', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'));
  await expect(page.getByText('This is an image, not a CSV file.')).toBeVisible();
  await expect(page.getByText('Cannot be imported', { exact: true })).toBeVisible();
  await look('import-invalid');
  // From here one goes on.
  await choose(page, 'names.csv', 'Name,Mail\nAda,ada@drivers.example\n');
  await expect(page.getByText('The header has no column “External ID”. It names: Name, Mail.')).toBeVisible();
  await choose(page, 'empty.csv', '');
  await expect(page.getByRole('alert')).toHaveText('This file is empty.');
  await choose(page, 'quote.csv', `${HEADER}\nD-9,"never closed,Ada\n`);
  await expect(page.getByText('The quotation mark opened in line 2 is never closed.')).toBeVisible();
  await choose(page, 'mended.csv', `${HEADER}\nD-9,,Ada,Mended\n`);
  await expect(tile(page, '1 To add')).toBeVisible();
  await page.getByRole('button', { name: 'Cancel the import' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the import' }).click();
  await expect(page.getByRole('heading', { name: 'This import was cancelled' })).toBeVisible();
  await look('import-cancelled');
});

test('an upload that breaks off is tried again, or called off', async ({ page, company, stack, signIn, look }) => {
  await signIn(company.owner);
  await page.goto('/imports');
  await page.route('**/uploads/**', (route) => route.abort());
  await choose(page, 'broken.csv', `${HEADER}\nB-1,,Ben,Broken\n`);
  await expect(page.getByText('broken.csv was not uploaded')).toBeVisible();
  await look('import-upload-failed');
  await page.unroute('**/uploads/**');
  // By now the address has ended; the import gives another one.
  await stack.wait(2 * 3600);
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(tile(page, '1 To add')).toBeVisible();

  // Who leaves in the middle comes back to an import that waits.
  await page.goto('/imports');
  let arrived = (): void => undefined;
  const sent = new Promise<void>((resolve) => (arrived = resolve));
  await page.route('**/uploads/**', () => arrived());
  await choose(page, 'slow.csv', `${HEADER}\nB-2,,Sue,Slow\n`);
  await sent;
  await expect(page.getByRole('progressbar', { name: 'Uploading slow.csv' })).toBeVisible();
  await look('import-sending');
  await page.getByRole('link', { name: 'Overview' }).click();
  await page.unroute('**/uploads/**');
  await page.getByRole('link', { name: 'Imports', exact: true }).click();
  await page.getByRole('link', { name: 'slow.csv' }).click();
  await expect(page.getByRole('heading', { name: 'This import waits for its file' })).toBeVisible();
  await look('import-waiting');
  await choose(page, 'slow.csv', `${HEADER}\nB-2,,Sue,Slow\n`);
  await expect(tile(page, '1 To add')).toBeVisible();
});

test('a connection that is lost in mid-commit costs nothing, and the page goes on by itself', async ({
  page,
  context,
  company,
  signIn,
  look,
}) => {
  await signIn(company.owner);
  await page.goto('/imports');
  const rows = Array.from({ length: 3_000 }, (_, n) => `L-${n},,Lena,Lost ${n}`);
  await choose(page, 'large.csv', [HEADER, ...rows].join('\n'));
  await expect(tile(page, '3,000 To add')).toBeVisible({ timeout: 30_000 });
  await page.getByRole('button', { name: 'Import…' }).click();
  const committed = page.waitForResponse((response) => response.url().endsWith('/commit'));
  await page.getByRole('button', { name: 'Import 3,000 rows' }).click();
  await committed;
  await context.setOffline(true);
  await expect(page.getByRole('heading', { name: 'The import is running' })).toBeVisible();
  await expect(page.getByText('Muster cannot be reached')).toBeVisible();
  await expect(page.getByText('Nothing is lost: the import runs on our side.')).toBeVisible();
  await look('import-lost');
  await context.setOffline(false);
  await outcome(page, 'Everything is imported');
  await expect(tile(page, '3,000 Added')).toBeVisible();
  await expect(page.getByRole('row', { name: 'Lost 0' })).toBeVisible();
  await look('import-done');
  await page.getByRole('link', { name: 'Go to the users' }).click();
  await expect(page).toHaveURL('/users');
});

test('an answer to the commit that is lost is asked after, and may be sent again', async ({ page, company, signIn, look }) => {
  await signIn(company.owner);
  await page.goto('/imports');
  await choose(page, 'once.csv', `${HEADER}\nO-1,,Otto,Once\n`);
  await page.getByRole('button', { name: 'Import…' }).click();
  await page.route(/\/v1\/imports\//, async (route) => {
    if (route.request().method() === 'POST') await route.fetch();
    await route.abort();
  });
  const confirm = page.getByRole('button', { name: 'Import 1 row' });
  await confirm.click();
  await expect(page.getByText('Check your connection and try again. Nothing is lost.')).toBeVisible();
  await look('import-commit-lost');
  await page.unroute(/\/v1\/imports\//);
  await confirm.click();
  await outcome(page, 'Everything is imported');
  await expect(tile(page, '1 Added')).toBeVisible();

  await page.goto('/imports');
  await choose(page, 'again.csv', `${HEADER}\nO-2,,Olga,Once\n`);
  await page.getByRole('button', { name: 'Import…' }).click();
  await page.route('**/commit', async (route) => {
    await route.fetch();
    await route.abort();
  });
  await confirm.click();
  await outcome(page, 'Everything is imported');
});

test('nobody imports more than they may, and who may not import at all sees nothing of it', async ({
  page,
  browser,
  company,
  stack,
  signIn,
  look,
}) => {
  await company.add({ email: 'mona@drivers.example', first_name: 'Mona', class: 'standard', roles: ['user_manager'], invite: true });
  await stack.activate('mona@drivers.example', 'mona');
  await company.add({ email: 'liam@drivers.example', first_name: 'Liam', class: 'standard', roles: ['licence_manager'], invite: true });
  await stack.activate('liam@drivers.example', 'liam');

  await signIn('mona');
  await page.goto('/imports');
  await choose(page, 'owners.csv', `${HEADER},Class\nN-1,,Nina,Owner,owner\nN-2,,Nils,Limited,limited\n`);
  await tile(page, '1 Refused').click();
  await expect(page.getByRole('row', { name: /N-1/ })).toContainText('rights');
  const address = page.url();

  const context = await browser.newContext({ baseURL: stack.url, locale: 'en-GB' });
  const other = await context.newPage();
  await signIn('liam', other);
  await expect(other.getByRole('link', { name: 'Users' })).toBeVisible();
  await expect(other.getByRole('link', { name: 'Imports', exact: true })).toHaveCount(0);
  await other.goto(address);
  await expect(other.getByRole('heading', { name: 'You may not see this' })).toBeVisible();
  await look('imports-forbidden', other);
  await context.close();
});

test('an import that does not exist says so, and reasons are told in German too', async ({ page, browser, company, stack, signIn }) => {
  await signIn(company.owner);
  await page.goto('/imports/imp_0000000000000000');
  await expect(page.getByRole('heading', { name: 'This does not exist' })).toBeVisible();

  const context = await browser.newContext({ baseURL: stack.url, locale: 'de-DE' });
  const german = await context.newPage();
  await german.goto('/sign-in?to=/imports');
  await german.getByLabel('E-Mail-Adresse oder Benutzername').fill(company.owner);
  await german.getByLabel('Passwort', { exact: true }).fill('correct horse battery staple');
  await german.getByRole('button', { name: 'Anmelden' }).click();
  const buffer = Buffer.from(`${HEADER}\nG-1,niemand,Gerd,Falsch\nG-2,,Gela,Doppelt\nG-2,,Gela,Doppelt\n`);
  await german.getByLabel('CSV-Datei hier ablegen').setInputFiles({ name: 'fahrer.csv', mimeType: 'text/csv', buffer });
  await expect(german.getByRole('row', { name: 'Email: Das ist keine E-Mail-Adresse.' })).toBeVisible();
  await expect(german.getByRole('row', { name: 'Diese externe ID steht schon in Zeile 3.' })).toBeVisible();
  await context.close();
});
