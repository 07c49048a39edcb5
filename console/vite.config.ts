import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// The API that `npm run dev` works against: a local stack.
const api = process.env['MUSTER_URL'] ?? 'http://127.0.0.1:7070';

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: 'es2023',
    // No inline anything: the policy of infra/console-headers.json forbids it.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 900,
  },
  server: { proxy: { '/v1': api, '/local': api } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
