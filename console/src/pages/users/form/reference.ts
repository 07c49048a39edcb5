// What users refer to, read from the API: the company's policy, roles and products, and the names behind ids.
import { api, ok, queryClient, type Schemas } from '../../../api';
import { user as t } from '../../../i18n/user';
import { words } from '../../../i18n/words';
import type { Option } from '../../../ui/options';
import type { Draft } from './draft';

type Search = (text: string, signal: AbortSignal) => Promise<Option[]>;

export const tenant = () => ({ queryKey: ['tenant'], queryFn: () => ok(api.GET('/v1/tenant')) });
export const roles = () => ({ queryKey: ['roles'], queryFn: () => ok(api.GET('/v1/roles')) });
export const products = () => ({ queryKey: ['products'], queryFn: () => ok(api.GET('/v1/products')) });
export const user = (id: string) => ({
  queryKey: ['user', id],
  queryFn: () => ok(api.GET('/v1/users/{id}', { params: { path: { id } } })),
});
const group = (id: string) => ({
  queryKey: ['group', id],
  queryFn: () => ok(api.GET('/v1/groups/{id}', { params: { path: { id } } })),
});
const account = (id: string) => ({
  queryKey: ['account', id],
  queryFn: () => ok(api.GET('/v1/accounts/{id}', { params: { path: { id } } })),
});

/** How many are shown to choose from; whoever has more types on. */
const SHOWN = 20;

/** Searches fleets and tags, or those of one kind. */
export function groupSearch(kind?: Schemas['GroupKind']): Search {
  return async (name, signal) => {
    const query = { limit: SHOWN, ...(name === '' ? {} : { name }), ...(kind === undefined ? {} : { kind }) };
    return (await ok(api.GET('/v1/groups', { params: { query }, signal }))).groups.map(groupOption);
  };
}

/** Searches users by name. */
export const userSearch: Search = async (name, signal) => {
  const query = { limit: SHOWN, ...(name === '' ? {} : { name }) };
  return (await ok(api.GET('/v1/users', { params: { query }, signal }))).users.map(userOption);
};

/** Searches the accounts right below one, or at the top. */
export function accountSearch(parent?: string): Search {
  return async (name, signal) => {
    const query = { limit: SHOWN, ...(name === '' ? {} : { name }), ...(parent === undefined ? {} : { parent }) };
    return (await ok(api.GET('/v1/accounts', { params: { query }, signal }))).accounts.map(accountOption);
  };
}

/** Whether there are accounts below one. */
export const subAccounts = (parent: string) => ({
  queryKey: ['accounts', 'below', parent],
  queryFn: async () =>
    (await ok(api.GET('/v1/accounts', { params: { query: { parent, limit: 1 } } }))).accounts.length > 0,
});

const groupOption = ({ id, name, kind }: Schemas['Group']): Option => ({ value: id, label: name, hint: words(`group.${kind}`) });
const userOption = ({ id, name, kind }: Schemas['User']): Option => ({ value: id, label: name, hint: words(`kind.${kind}`) });
const accountOption = ({ id, name, kind }: Schemas['Account']): Option => ({ value: id, label: name, hint: t(`account.${kind}`) });

/** Each by its name; one that is gone, or not for the caller to see, says so. */
function named<Thing>(
  read: (id: string) => { queryKey: string[]; queryFn: () => Promise<Thing> },
  option: (thing: Thing) => Option,
): (ids: readonly string[]) => Promise<Option[]> {
  const one = async (id: string): Promise<Option> => {
    try {
      return option(await queryClient.fetchQuery({ ...read(id), staleTime: 60_000, retry: false }));
    } catch {
      return { value: id, label: t('unseen'), hint: id };
    }
  };
  return (ids) => Promise.all(ids.map(one));
}

export const groupNames = named(group, groupOption);
export const userNames = named(user, userOption);
const accountNames = named(account, accountOption);

/** The way to an account, from the top or from where the caller's sight begins. */
export async function accountWay(id: string | null | undefined): Promise<Option[]> {
  if (id == null) return [];
  const found = await queryClient.fetchQuery({ ...account(id), staleTime: 60_000, retry: false }).catch(() => undefined);
  const way = await accountNames(found?.path ?? [id]);
  return way.filter(({ value, hint }) => value === id || hint !== value);
}

/** A user as it is, with the names of what it refers to. */
export async function draftOf(of: Schemas['User']): Promise<Draft> {
  // The API leaves out of a scope what is empty.
  const { all = false, groups: listedGroups = [], users: listedUsers = [] } = of.scope;
  const [groups, seenGroups, seenUsers, way] = await Promise.all([
    groupNames(of.groups),
    groupNames(listedGroups),
    userNames(listedUsers),
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
    scope: { all, groups: seenGroups, users: seenUsers },
    groups,
    account: way,
  };
}

/** What users, groups, accounts and products are called, by their ids; without those that have gone. */
export async function namesOf(ids: readonly string[]): Promise<Map<string, string>> {
  const of = (prefix: string) => ids.filter((id) => id.startsWith(prefix));
  const bought = async () => (of('prd_').length === 0 ? [] : (await queryClient.fetchQuery(products())).products);
  const [apps, ...found] = await Promise.all([
    bought(),
    groupNames(of('grp_')),
    userNames(of('usr_')),
    accountNames(of('acc_')),
  ]);
  const named = found.flat().filter(({ value, hint }) => hint !== value);
  return new Map([...named.map(({ value, label }) => [value, label] as const), ...apps.map(({ id, name }) => [id, name] as const)]);
}
