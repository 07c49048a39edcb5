import { expect, it } from 'vitest';
import { nextEntries } from './trail';

it('reads on while pages are empty, but not for ever', async () => {
  const asked: (string | undefined)[] = [];
  const entry = { id: 'aud_1', at: '', operation: 'users.add', actor: { kind: 'support' }, targets: [] };
  const pages = (full: number) => async (cursor: string | undefined) => {
    asked.push(cursor);
    const number = Number(cursor ?? 0);
    return { entries: number === full ? [entry] : [], next: number < 30 ? String(number + 1) : null };
  };
  expect(await nextEntries(pages(2), undefined)).toEqual({ entries: [entry], next: '3' });
  expect(asked).toEqual([undefined, '1', '2']);
  expect(await nextEntries(pages(99), undefined)).toEqual({ entries: [], next: '10' });
  expect(await nextEntries(pages(99), '25')).toEqual({ entries: [], next: null });
});
