// A user as it is being filled in: with the names of what it refers to, so that it can be told in words. What the API is
// sent is made of it here.
import type { Schemas } from '../../../api';
import { differing } from '../../../ui/merge';
import type { Option } from '../../../ui/options';
import type { Class, Field } from './powers';

export interface Draft {
  kind: Schemas['Kind'];
  external_id: string;
  first_name: string;
  last_name: string;
  email: string;
  phone: string;
  employee_number: string;
  /** Empty: the company's. */
  locale: string;
  username: string;
  class: Class;
  roles: readonly string[];
  modules: readonly { name: string; right: Schemas['ModuleRight'] }[];
  scope: { all: boolean; groups: readonly Option[]; users: readonly Option[] };
  groups: readonly Option[];
  /** The way to the account from the top, as far as the caller sees it; the last one counts. */
  account: readonly Option[];
}

export const FIELDS: readonly Field[] = [
  'kind', 'external_id', 'first_name', 'last_name', 'email', 'phone', 'employee_number', 'locale', 'username',
  'class', 'roles', 'modules', 'scope', 'groups', 'account',
];

/** A new user before anything is filled in. */
export const blank = (): Draft => ({
  kind: 'person',
  external_id: '',
  first_name: '',
  last_name: '',
  email: '',
  phone: '',
  employee_number: '',
  locale: '',
  username: '',
  class: 'limited',
  roles: [],
  modules: [],
  scope: { all: false, groups: [], users: [] },
  groups: [],
  account: [],
});

const text = (value: string): string | null => (value.trim() === '' ? null : value.trim());
const ids = (options: readonly Option[]): string[] => options.map(({ value }) => value).sort();

/** The draft as the API writes users; equal drafts are written alike. */
export function plain(draft: Draft) {
  const named = draft.modules.map(({ name, right }) => [name.trim(), right] as const).filter(([name]) => name !== '');
  return {
    kind: draft.kind,
    external_id: text(draft.external_id),
    first_name: text(draft.first_name),
    last_name: text(draft.last_name),
    email: text(draft.email),
    phone: text(draft.phone),
    employee_number: text(draft.employee_number),
    locale: text(draft.locale),
    username: text(draft.username),
    class: draft.class,
    roles: [...draft.roles].sort(),
    modules: Object.fromEntries(named.sort(([a], [b]) => (a < b ? -1 : 1))),
    scope: { all: draft.scope.all, groups: ids(draft.scope.groups), users: ids(draft.scope.users) },
    groups: ids(draft.groups),
    account: draft.account.at(-1)?.value ?? null,
  } satisfies Record<Field, unknown>;
}

/** A merge patch (RFC 7396) that makes `after` of `before`: only what differs is in it. */
export function patch(before: Draft, after: Draft): Schemas['UserPatch'] {
  const [was, is] = [plain(before), plain(after)];
  const changed: Record<string, unknown> = {};
  for (const field of differing(was, is)) {
    const [old, now] = [was[field], is[field]];
    changed[field] = field === 'modules' || field === 'scope' ? members(old as object, now as object) : now;
  }
  return changed;
}

/** Of an object the members that differ; null for one that is gone. */
function members(before: object, after: object): Record<string, unknown> {
  const [was, is] = [before, after] as [Record<string, unknown>, Record<string, unknown>];
  return Object.fromEntries(differing(was, is).map((name) => [name, is[name] ?? null]));
}

/** What a new user is made from. */
export function form(draft: Draft, products: readonly string[], invite: boolean | null): Schemas['UserForm'] {
  const { username: _, ...fields } = plain(draft);
  return { ...fields, products: [...products], invite };
}
