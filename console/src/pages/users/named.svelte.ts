// The name of one group or account, read by its id where it is not at hand.
import { createQuery } from '@tanstack/svelte-query';
import { api, ok } from '../../api';

const KEPT_MS = 60_000;

export interface Thing {
  kind: 'group' | 'account';
  id: string;
  /** If it is known already. */
  name?: string | undefined;
}

/** Must be called while a component begins; `text` follows. */
export function createName(thing: () => Thing | undefined): { readonly text: string } {
  const found = createQuery(() => {
    const wanted = thing();
    const params = { path: { id: wanted?.id ?? '' } };
    return {
      queryKey: [`${wanted?.kind}s`, 'name', wanted?.id],
      queryFn: async () =>
        wanted?.kind === 'account'
          ? (await ok(api.GET('/v1/accounts/{id}', { params }))).name
          : (await ok(api.GET('/v1/groups/{id}', { params }))).name,
      enabled: wanted !== undefined && wanted.name === undefined,
      staleTime: KEPT_MS,
      retry: false,
    };
  });
  return {
    // What the caller may not see has no name for them.
    get text() {
      const wanted = thing();
      return wanted?.name ?? found.data ?? (found.isError ? (wanted?.id ?? '') : '…');
    },
  };
}
