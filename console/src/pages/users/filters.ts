// Which users are listed: the filters, which live in the address, and what is searched, which never does.
import { api, ok, type Schemas } from '../../api';

type Status = Schemas['Status'];
type Kind = Schemas['Kind'];
type Class = Schemas['Class'];
type LicenceState = Schemas['LicenceState'];
type MailState = Schemas['MailState'];

export const statuses: readonly Status[] = [
  'not_invited',
  'activation_pending',
  'invitation_expired',
  'active',
  'suspended',
  'deleted',
];
export const kinds: readonly Kind[] = ['person', 'vehicle', 'device'];
export const classes: readonly Class[] = ['owner', 'standard', 'limited'];
export const licenceStates: readonly LicenceState[] = ['unassigned', 'assigned', 'activated'];
export const mailStates: readonly MailState[] = [
  'queued',
  'sending',
  'sent',
  'delivered',
  'bounced',
  'complained',
  'failed',
];

export interface Filter {
  status?: Status;
  kind?: Kind;
  class?: Class;
  role?: string;
  product?: string;
  licence?: LicenceState;
  group?: string;
  account?: string;
  invitation?: MailState;
}

type Check = (text: string) => boolean;

const among =
  (values: readonly string[]): Check =>
  (text) =>
    values.includes(text);
const fits =
  (pattern: RegExp): Check =>
  (text) =>
    pattern.test(text);

/** What each filter may be, in the order in which they are shown. */
const checks: Record<keyof Filter, Check> = {
  status: among(statuses),
  kind: among(kinds),
  class: among(classes),
  role: fits(/^[a-z0-9_]+$/),
  product: fits(/^prd_[a-z0-9]+$/),
  licence: among(licenceStates),
  group: fits(/^grp_[a-z0-9]+$/),
  account: fits(/^acc_[a-z0-9]+$/),
  invitation: among(mailStates),
};

export const filterNames = Object.keys(checks) as readonly (keyof Filter)[];

/** The filters of an address. What none can be is left out: the address may be old, or mistyped. */
export function readFilter(query: URLSearchParams): Filter {
  const entries = filterNames.flatMap((name) => {
    const value = query.get(name);
    return value !== null && checks[name](value) ? [[name, value] as const] : [];
  });
  return Object.fromEntries(entries) as Filter;
}

/** What a search looks at: each by how it begins. */
export const searchable = ['name', 'email', 'external_id'] as const;

export interface Search {
  by: (typeof searchable)[number];
  text: string;
}

/** What the API is asked for. */
export type Query = Filter & Partial<Record<Search['by'], string>>;

export function queryOf(filter: Filter, search: Search): Query {
  const text = search.text.trim();
  return text === '' ? filter : { ...filter, [search.by]: text };
}

/** The first page of the list, by its key: asked for as everything is, and read anew when anything about users changes. */
export const firstPage = (query: Query) => ({
  queryKey: ['users', 'list', query],
  queryFn: ({ signal }: { signal: AbortSignal }) => readUsers(query, undefined, signal),
});

/** The most that the API gives at a time. */
const PAGE = 200;

export const readUsers = (query: Query, cursor: string | undefined, signal: AbortSignal): Promise<Schemas['UserPage']> =>
  ok(
    api.GET('/v1/users', {
      params: { query: { ...query, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) } },
      signal,
    }),
  );
