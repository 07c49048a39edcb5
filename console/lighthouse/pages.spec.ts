// Measures the pages that people wait for: sign-in, activation and the list of users, as on a phone with a slow connection.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { chromium, type BrowserContext } from '@playwright/test';
import { expect, PASSWORD, test as base } from '../e2e/fixtures';
import type { Company, Stack } from '../e2e/stack';

/** Fetched when somebody measures: three times as large as everything else together. The last that runs on Node.js 20. */
const LIGHTHOUSE = 'lighthouse@12.8.2';
const RUNS = 3;
const LEAST = 95;
const USERS = 60;

const categories = ['performance', 'accessibility'] as const;
const timings = {
  FCP: 'first-contentful-paint',
  LCP: 'largest-contentful-paint',
  TBT: 'total-blocking-time',
  CLS: 'cumulative-layout-shift',
  SI: 'speed-index',
} as const;

interface Report {
  categories: Record<(typeof categories)[number], { score: number }>;
  audits: Record<string, { title: string; score: number | null; displayValue?: string; scoreDisplayMode: string }>;
}

/** A browser with a profile of its own, which Lighthouse reaches by its port. */
const test = base.extend<{ browserAt: { port: number; context: BrowserContext } }>({
  browserAt: async ({ launchOptions, locale }, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'muster-lighthouse-'));
    const port = await freePort();
    const args = [...(launchOptions.args ?? []), `--remote-debugging-port=${port}`];
    const context = await chromium.launchPersistentContext(folder, { ...launchOptions, args, ...(locale ? { locale } : {}) });
    await use({ port, context });
    await context.close();
    rmSync(folder, { recursive: true, force: true });
  },
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** One measurement; `signedIn` keeps the profile as it is, but for what the browser has cached. */
async function measure(url: string, port: number, file: string, signedIn: boolean): Promise<Report> {
  const options = ['--quiet', `--port=${port}`, `--only-categories=${categories.join()}`, '--output=json', `--output-path=${file}`];
  if (signedIn) options.push('--disable-storage-reset');
  const once = () => promisify(execFile)('npx', ['--yes', LIGHTHOUSE, url, ...options], { timeout: 180_000 });
  // On a busy machine the browser now and then hands over an empty recording.
  await once().catch(once);
  return JSON.parse(readFileSync(file, 'utf8')) as Report;
}

const score = (report: Report, category: (typeof categories)[number]) => Math.round(report.categories[category].score * 100);

/** What a page is given before it is measured: its address. */
interface Given {
  stack: Stack;
  company: Company;
  context: BrowserContext;
}

const pages: Record<string, { signedIn: boolean; ready: (given: Given) => Promise<string> }> = {
  'sign-in': { signedIn: false, ready: async ({ stack }) => `${stack.url}/sign-in` },
  activate: {
    signedIn: false,
    ready: async ({ stack, company }) => {
      await company.add({ email: 'dora@drivers.example', first_name: 'Dora', invite: true, products: company.products });
      return stack.link('dora@drivers.example', 'activate');
    },
  },
  users: {
    signedIn: true,
    ready: async ({ stack, company, context }) => {
      for (let n = 0; n < USERS; n += 1) await company.add({ kind: 'vehicle', external_id: `Truck ${n}` });
      const page = await context.newPage();
      await page.goto(`${stack.url}/sign-in`);
      await page.getByLabel('E-mail address or username').fill(company.owner);
      await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await expect(page.getByRole('heading', { name: 'Overview', level: 1 })).toBeVisible();
      await page.close();
      return `${stack.url}/users`;
    },
  },
};

async function forgetCache(context: BrowserContext): Promise<void> {
  const page = context.pages()[0] ?? (await context.newPage());
  const devtools = await context.newCDPSession(page);
  await devtools.send('Network.clearBrowserCache');
  await devtools.detach();
}

for (const [name, { signedIn, ready }] of Object.entries(pages)) {
  test(`${name} is fast and accessible`, async ({ browserAt: { port, context }, stack, company }, info) => {
    const url = await ready({ stack, company, context });
    const reports: Report[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      if (signedIn) await forgetCache(context);
      reports.push(await measure(url, port, info.outputPath(`${run}.json`), signedIn));
    }
    reports.sort((one, other) => score(one, 'performance') - score(other, 'performance'));
    const median = reports[Math.floor(RUNS / 2)]!;
    const shown = ({ audits }: Report, id: string) => audits[id]?.displayValue ?? '';
    console.table({
      [name]: {
        ...Object.fromEntries(categories.map((category) => [category, score(median, category)])),
        ...Object.fromEntries(Object.entries(timings).map(([short, id]) => [short, shown(median, id)])),
        all: reports.map((report) => score(report, 'performance')).join(' '),
      },
    });
    const poor = Object.values(median.audits).filter(({ score: one, scoreDisplayMode }) => one !== null && one < 0.9 && scoreDisplayMode !== 'informative');
    for (const audit of poor) console.log(`${name}: ${audit.title} ${audit.displayValue ?? ''}`);
    for (const category of categories) expect.soft(score(median, category), category).toBeGreaterThanOrEqual(LEAST);
  });
}
