// Reading the trail: a filtered page may hold nothing and yet have a next one, so reading goes on until something is found.
import { api, cursorPages, ok, type Schemas } from '../api';
import type { paths } from '../api/schema';

type Page = Schemas['AuditPage'];

/** So many pages without an entry are read before somebody is asked whether to look further. */
const PATIENCE = 10;

/** The next page with entries; without any if there are none, or (then `next` says where) they are far away. */
export async function nextEntries(
  read: (cursor: string | undefined) => Promise<Page>,
  cursor: string | undefined,
): Promise<Page> {
  let page = await read(cursor);
  for (let empty = 1; page.entries.length === 0 && page.next && empty < PATIENCE; empty += 1) page = await read(page.next);
  return page;
}

type Query = NonNullable<paths['/v1/audit']['get']['parameters']['query']>;

/** Options of `createInfiniteQuery`: the entries that fit, newest first. */
export const entriesOf = (filter: Omit<Query, 'cursor'>) =>
  cursorPages(['audit', filter], (from, signal) =>
    nextEntries(
      (cursor) => ok(api.GET('/v1/audit', { params: { query: { ...filter, ...(cursor ? { cursor } : {}) } }, signal })),
      from,
    ),
  );
