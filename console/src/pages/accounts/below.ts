// Reading the accounts right below one, or at the top.
import { api, cursorPages, ok } from '../../api';

/** Those below `parent`, or those that the caller's list begins with; only with a name that begins so. */
export const below = (parent?: string, name = '') =>
  cursorPages(['accounts', 'list', parent ?? '', name], (cursor, signal) => {
    const query = { limit: 100, ...(parent ? { parent } : {}), ...(name ? { name } : {}), ...(cursor ? { cursor } : {}) };
    return ok(api.GET('/v1/accounts', { params: { query }, signal }));
  });
