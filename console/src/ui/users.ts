// What lists of users and bulk operations have in common, wherever they are.
import { api, ok, type Schemas } from '../api';
import type { Option } from './options';

type User = Schemas['User'];

/** A user as something to choose. */
export const userOption = ({ id, name, external_id: external, email }: User): Option => {
  const hint = [external, email].find((one) => one && one !== name);
  return { value: id, label: name, ...(hint ? { hint } : {}) };
};

/** How many are offered at once. */
const OFFERED = 20;

/** Users whose name, external ID or e-mail address begins so, for `<Combobox search=…>`. */
export async function findUsers(text: string, signal: AbortSignal): Promise<readonly Option[]> {
  const ask = async (query: { name?: string; external_id?: string; email?: string }) => {
    const page = await ok(api.GET('/v1/users', { params: { query: { ...query, limit: OFFERED } }, signal }));
    return page.users;
  };
  const found =
    text === '' ? [ask({})] : [ask({ name: text }), ask({ external_id: text }), ask({ email: text })];
  const users = new Map((await Promise.all(found)).flat().map((user) => [user.id, user]));
  return [...users.values()].slice(0, OFFERED).map(userOption);
}

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
