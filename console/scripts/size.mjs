// Says how much JavaScript the first load of each page takes, compressed, and fails above the budget.
import { readFileSync, statSync } from 'node:fs';

const BUDGET = 100_000;
const dist = new URL('../dist/', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist), 'utf8'));

/** The scripts that come with a chunk, itself included. */
function scripts(key, seen = new Set()) {
  const chunk = manifest[key];
  if (!chunk || seen.has(chunk.file)) return seen;
  if (chunk.file.endsWith('.js')) seen.add(chunk.file);
  for (const next of chunk.imports ?? []) scripts(next, seen);
  return seen;
}

const size = (files, ending) =>
  [...files].reduce((sum, file) => sum + statSync(new URL(file + ending, dist)).size, 0);

const kb = (bytes) => `${(bytes / 1000).toFixed(1)} kB`.padStart(9);
const first = scripts('index.html');
const rows = [['first load', first]];
for (const [key, chunk] of Object.entries(manifest)) {
  if (chunk.isDynamicEntry && key.includes('/pages/')) {
    rows.push([key.replace('src/pages/', ''), new Set([...first, ...scripts(key)])]);
  }
}
let failed = false;
for (const [name, files] of rows) {
  const gzip = size(files, '.gz');
  const over = gzip > BUDGET;
  failed ||= over;
  console.log(`${name.padEnd(40)} brotli ${kb(size(files, '.br'))}   gzip ${kb(gzip)}${over ? '   TOO LARGE' : ''}`);
}
if (failed) {
  console.error(`A page loads more than ${BUDGET / 1000} kB of compressed JavaScript at first.`);
  process.exit(1);
}
