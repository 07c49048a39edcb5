// A user as a draft: with the names of what it refers to, read from the API.
import { api, ok, queryClient, reads, type Schemas } from '../../../api';
import { optionsOf } from '../../../ui/names.svelte';
import type { Option } from '../../../ui/options';
import type { Draft } from './draft';

/** Whether there are accounts below one. */
export const subAccounts = (parent: string) => ({
  queryKey: ['accounts', 'below', parent],
  queryFn: async () =>
    (await ok(api.GET('/v1/accounts', { params: { query: { parent, limit: 1 } } }))).accounts.length > 0,
});

/** The way to an account, from the top or from where the caller's sight begins. */
export async function accountWay(id: string | null | undefined): Promise<Option[]> {
  if (id == null) return [];
  const found = await queryClient.fetchQuery({ ...reads.account(id), staleTime: 60_000, retry: false }).catch(() => undefined);
  const way = await optionsOf(found?.path ?? [id]);
  return way.filter(({ value, hint }) => value === id || hint !== value);
}

/** A user as it is, with the names of what it refers to. */
export async function draftOf(of: Schemas['User']): Promise<Draft> {
  const [groups, seenGroups, seenUsers, way] = await Promise.all([
    optionsOf(of.groups),
    optionsOf(of.scope.groups),
    optionsOf(of.scope.users),
    accountWay(of.account),
  ]);
  return {
    kind: of.kind,
    external_id: of.external_id ?? '',
    first_name: of.first_name ?? '',
    last_name: of.last_name ?? '',
    email: of.email ?? '',
    phone: of.phone ?? '',
    employee_number: of.employee_number ?? '',
    locale: of.locale ?? '',
    username: of.username ?? '',
    class: of.class,
    roles: of.roles,
    modules: Object.entries(of.modules).map(([name, right]) => ({ name, right })),
    scope: { all: of.scope.all, groups: seenGroups, users: seenUsers },
    groups,
    account: way,
  };
}
