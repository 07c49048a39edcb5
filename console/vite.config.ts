import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// The API that `npm run dev` works against: a local stack.
const api = process.env['MUSTER_URL'] ?? 'http://127.0.0.1:7070';

const groups = [
  { name: 'start', tags: ['$initial' as const], priority: 3 },
  { name: 'forms', test: /\/src\/(ui\/(Field|TextInput|Notice|faults|CopyButton)|shell\/DoorHead)\b/, priority: 2 },
  {
    name: 'session',
    test: /\/src\/(ui\/(?!VirtualTable|NewPassword|strength)|i18n\/words|pages\/users\/UserStatus)|\/@tanstack\/svelte-query\//,
    minShareCount: 3,
    priority: 1,
  },
];

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: 'es2023',
    // No inline anything: the policy of infra/console-headers.json forbids it.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
    // One stylesheet, 12 kB compressed and kept: pages need no more files for their styles.
    cssCodeSplit: false,
    // Few files, as each costs a phone a round trip: what all pages need, what forms need, what pages of a session need.
    rolldownOptions: { output: { codeSplitting: { groups } } },
  },
  server: { proxy: { '/v1': api, '/local': api } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
