import { describe, expect, it } from 'vitest';
import { fill, type Message, type Texts } from './catalogue';
import { languageOf } from './locale.svelte';

const areas = import.meta.glob<Record<string, unknown>>(['./*.ts', '!./*.test.ts', '!./index.ts'], { eager: true });

/** Every catalogue of the folder, by its file. */
const catalogues = Object.entries(areas).flatMap(([file, exports]) =>
  Object.values(exports).flatMap((value) =>
    typeof value === 'function' && 'texts' in value ? [[file, value as Texts<Record<string, Message>>] as const] : [],
  ),
);

const placeholders = (message: Message): string[] => {
  const texts = typeof message === 'string' ? [message] : [message.one, message.other];
  return [...new Set(texts.flatMap((text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '')))].sort();
};

describe('the catalogue', () => {
  it('has areas', () => expect(catalogues.length).toBeGreaterThan(2));

  it.each(catalogues)('fills the same placeholders in every language: %s', (_, { texts }) => {
    for (const [key, english] of Object.entries(texts.en)) {
      const german = texts.de[key];
      expect(german, key).toBeDefined();
      expect(placeholders(german ?? ''), key).toEqual(placeholders(english));
    }
  });

  it.each(catalogues)('has no empty text: %s', (_, { texts }) => {
    for (const message of Object.values(texts).flatMap((of) => Object.values(of))) {
      for (const text of typeof message === 'string' ? [message] : [message.one, message.other]) {
        expect(text.trim()).not.toBe('');
      }
    }
  });

  it('fills in names, and writes numbers as the locale does', () => {
    expect(fill('{a} of {b}', { a: 1234, b: 'x{a}' }, 'de-DE')).toBe('1.234 of x{a}');
    const rows = { one: '{n} row', other: '{n} rows' };
    expect(fill(rows, { n: 1 }, 'en')).toBe('1 row');
    expect(fill(rows, { n: 0 }, 'en')).toBe('0 rows');
    expect(fill(rows, { n: 12000 }, 'en-GB')).toBe('12,000 rows');
  });

  it('knows a language by any of its tags', () => {
    expect(languageOf(['fr', 'de_AT', 'en'])).toBe('de');
    expect(languageOf([null, undefined, 'EN-us'])).toBe('en');
    expect(languageOf(['den', ''])).toBeUndefined();
  });
});
