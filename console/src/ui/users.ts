// What bulk operations on users have in common, wherever they are.
import type { Schemas } from '../api';

/** How many users the API takes in one bulk operation. */
const MOST = 1000;

/** Does something to any number of users, in portions that the API takes; what it came to for each. */
export async function toEach(
  users: readonly string[],
  act: (portion: string[]) => Promise<{ outcomes: Schemas['Outcome'][] }>,
): Promise<Schemas['Outcome'][]> {
  const outcomes: Schemas['Outcome'][] = [];
  for (let start = 0; start < users.length; start += MOST) {
    outcomes.push(...(await act(users.slice(start, start + MOST))).outcomes);
  }
  return outcomes;
}
