// What the ids of products, roles and groups are called, for what tells of them by id: the audit trail.
import { api, ok } from '../api';
import type { Names } from './changes';

/** So many pages of groups at most; of what is beyond, the id is shown. */
const PAGES = 10;

async function groups(): Promise<{ id: string; name: string }[]> {
  const found: { id: string; name: string }[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < PAGES; page += 1) {
    const query = { limit: 200, ...(cursor === undefined ? {} : { cursor }) };
    const answer = await ok(api.GET('/v1/groups', { params: { query } }));
    found.push(...answer.groups);
    if (!answer.next) break;
    cursor = answer.next;
  }
  return found;
}

/** Options of `createQuery`. Without them the entry is readable all the same, so nothing waits for it. */
export const namesQuery = () => ({
  queryKey: ['names'],
  staleTime: 60_000,
  queryFn: async (): Promise<Names> => {
    const [products, roles, all] = await Promise.all([
      ok(api.GET('/v1/products')),
      ok(api.GET('/v1/roles')),
      groups(),
    ]);
    // Built-in roles are called as the reader's language does.
    const defined = roles.roles.filter((role) => !role.built_in);
    return new Map([...products.products, ...all, ...defined].map(({ id, name }) => [id, name]));
  },
});
