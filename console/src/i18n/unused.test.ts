// No text stands in a catalogue that nothing says. A key counts as used where it is written in quotes, fits a computed key
// such as `status.${…}`, or is a value of the API's, by which some catalogues are looked up.
import { expect, it } from 'vitest';

const sources = import.meta.glob<string>(['../**/*.{ts,svelte}', '!../**/*.test.ts'], { query: '?raw', import: 'default', eager: true });
const catalogues = import.meta.glob<Record<string, unknown>>(['./*.ts', '!./*.test.ts', '!./index.ts'], { eager: true });

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

const [written, computed] = (() => {
  const all = Object.values(sources).join('\n');
  // What is followed by a colon at once is where a text is defined.
  const quoted = [...all.matchAll(/(['"])([\w.-]+)\1(?!:)/g)].map(([, , text]) => text);
  const templates = [...all.matchAll(/`([\w.-]*(?:\$\{[^`{}]*\}[\w.-]*)+)`/g)]
    .map(([, text = '']) => text.split(/\$\{[^`{}]*\}/))
    // One that begins and ends openly and says nothing between would fit everything.
    .filter((parts) => parts.some((part) => /\w/.test(part)))
    .map((parts) => new RegExp(`^${parts.map(escaped).join('.+')}$`));
  return [new Set(quoted), templates];
})();

it('every text is used somewhere', () => {
  const texts = Object.entries(catalogues).flatMap(([file, module]) =>
    Object.values(module).flatMap((one) => {
      const keys = typeof one === 'function' && 'texts' in one ? Object.keys((one.texts as { en: object }).en) : [];
      return keys.map((key) => ({ file, key }));
    }),
  );
  expect(texts.length).toBeGreaterThan(500);
  const unused = texts.filter(({ key }) => !written.has(key) && !computed.some((pattern) => pattern.test(key)));
  expect(unused.map(({ file, key }) => `${file} ${key}`)).toEqual([]);
});
