// `npm run lighthouse`: figures that a noisy machine must not decide about, so they are no part of the flows.
import { defineConfig } from '@playwright/test';
import flows from './playwright.config';

export default defineConfig(flows, { testDir: 'lighthouse', timeout: 600_000, use: { trace: 'off' } });
