// What the flows begin with: a stack, and eyes for every page.
import AxeBuilder from '@axe-core/playwright';
import { test as base, expect, type Page } from '@playwright/test';
import { PASSWORD, Stack, type Company } from './stack';

export { expect, PASSWORD };

interface Fixtures {
  /** Looks at the page in light and dark, wide and narrow: no axe violation, no sideways scrolling; keeps a picture of each. */
  look: (name: string, page?: Page) => Promise<void>;
  /** Signs in through the page. */
  signIn: (login: string, page?: Page) => Promise<void>;
}

interface Shared {
  stack: Stack;
  /** A company that is there already, for flows that need no clean one. */
  company: Company;
}

export const test = base.extend<Fixtures, Shared>({
  stack: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const stack = await Stack.start();
      await use(stack);
      await stack.stop();
    },
    { scope: 'worker' },
  ],
  company: [async ({ stack }, use) => use(await stack.company('Northwind Haulage')), { scope: 'worker' }],
  baseURL: async ({ stack }, use) => use(stack.url),

  // Nothing may be refused by the policy or fall over unseen.
  page: async ({ page }, use) => {
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(`${error.name}: ${error.message}`));
    page.on('console', (message) => {
      // An answer with an error status is told there too; whether it is right is for the flow to say.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) faults.push(message.text());
    });
    await use(page);
    expect(faults).toEqual([]);
  },

  look: async ({ page: usual }, use, info) => {
    await use(async (name, page = usual) => {
      const size = page.viewportSize();
      for (const width of [1280, 390]) {
        await page.setViewportSize({ width, height: width === 390 ? 844 : 800 });
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
          await page.screenshot({ path: info.outputPath(`${name}-${colorScheme}-${width}.png`) });
          const { violations } = await new AxeBuilder({ page }).analyze();
          const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
          expect(told, `${name}, ${colorScheme}, ${width} px`).toEqual([]);
          const sideways = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
          expect(sideways, `${name} scrolls sideways at ${width} px`).toBe(false);
        }
      }
      await page.emulateMedia({ colorScheme: null, reducedMotion: null });
      if (size) await page.setViewportSize(size);
    });
  },

  signIn: async ({ page: usual }, use) => {
    await use(async (login, page = usual) => {
      await page.goto('/sign-in');
      await page.getByLabel('E-mail address or username').fill(login);
      await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await expect(page.getByRole('heading', { name: 'Overview', level: 1 })).toBeVisible();
    });
  },
});
