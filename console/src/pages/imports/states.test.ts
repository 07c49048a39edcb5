import { expect, test } from 'vitest';
import { lookAgain, partDone } from './states';

const counts = (created: number, updated: number, unchanged: number, refused: number) => ({ created, updated, unchanged, refused });

test('a commit is as far as the rows that change something', () => {
  const planned = counts(6, 4, 100, 7);
  expect(partDone({ planned, done: counts(0, 0, 100, 7) })).toBe(0);
  expect(partDone({ planned, done: counts(3, 1, 100, 8) })).toBe(0.5);
  expect(partDone({ planned, done: counts(5, 4, 100, 8) })).toBe(1);
  expect(partDone({ planned: counts(0, 0, 3, 0), done: counts(0, 0, 3, 0) })).toBe(1);
});

test('the longer it takes the more seldom one looks', () => {
  const waits = Array.from({ length: 1_000 }, (_, seconds) => lookAgain(1_000 * seconds));
  expect(waits).toEqual(waits.toSorted((a, b) => a - b));
  expect(waits.at(-1)).toBe(5_000);
});
