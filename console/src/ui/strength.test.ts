import { describe, expect, it } from 'vitest';
import { isGood, judge, loadGuesser } from './strength';

const guess = await loadGuesser();
const known = ['ada@example.com', 'Lovelace'];

describe('a password', () => {
  // The same cases as in the API's own test (shared/src/domain/password.rs).
  it.each([
    ['correct horse battery staple', true],
    ['password123', false],
    ['Lovelace2024', false],
    ['x'.repeat(129), false],
    ['short', false],
  ])('%s is judged as the API does', (password, good) => expect(isGood(judge(password, known, guess))).toBe(good));

  it('says how many characters are missing', () => {
    expect(judge('abc😀', [])).toEqual({ kind: 'short', missing: 6 });
    expect(judge('', [])).toBeUndefined();
  });

  it('is not judged before the dictionaries are there', () => {
    expect(judge('correct horse battery staple', [])).toBeUndefined();
  });
});
