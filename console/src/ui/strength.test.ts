import { describe, expect, it } from 'vitest';
import { judge, loadGuesser } from './strength';

const guess = await loadGuesser();
const known = ['ada@example.com', 'Lovelace'];

describe('a password', () => {
  // The same cases as in the API's own test (shared/src/domain/password.rs).
  it.each([
    ['correct horse battery staple', 'strong'],
    ['password123', 'weak'],
    ['Lovelace2024', 'weak'],
    ['x'.repeat(129), 'long'],
    ['short', 'short'],
  ])('%s is judged as the API does', (password, kind) => expect(judge(password, known, guess)?.kind).toBe(kind));

  it('says how many characters are missing', () => {
    expect(judge('abc😀', [])).toEqual({ kind: 'short', missing: 6 });
    expect(judge('', [])).toBeUndefined();
  });

  it('is not judged before the dictionaries are there', () => {
    expect(judge('correct horse battery staple', [])).toBeUndefined();
  });
});
