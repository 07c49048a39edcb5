import { expect, it } from 'vitest';
import { toEach } from './users';

it('more users than the API takes at once are done portion by portion, each told', async () => {
  const users = Array.from({ length: 2001 }, (_, n) => `usr_${n}`);
  const portions: number[] = [];
  const outcomes = await toEach(users, async (portion) => {
    portions.push(portion.length);
    return { outcomes: portion.map((user) => ({ user, outcome: 'done' as const })) };
  });
  expect(portions).toEqual([1000, 1000, 1]);
  expect(outcomes.map(({ user }) => user)).toEqual(users);
});
