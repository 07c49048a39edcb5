// What things are called, by their ids: users, groups, accounts, roles and products.
import { createQuery } from '@tanstack/svelte-query';
import { queryClient, reads } from '../api';
import { t } from '../i18n';
import type { Option } from './options';
import { accountOption, groupOption, userOption } from './search';

/** Names by ids, as far as they are known. */
export type Names = ReadonlyMap<string, string>;

/** How long a name is taken for right without asking; and whom one does not see stays out of sight. */
const KEPT = { staleTime: 60_000, retry: false } as const;

/** So many are read one by one at most: of what is beyond, the id has to do. */
const MOST = 50;

type Kind = 'usr' | 'grp' | 'acc';
const kindOf = (id: string): string => id.slice(0, 3);
const isNamed = (id: string): boolean => ['usr', 'grp', 'acc'].includes(kindOf(id));

const option: { [K in Kind]: (id: string) => Promise<Option> } = {
  usr: async (id) => userOption(await queryClient.fetchQuery({ ...reads.user(id), ...KEPT })),
  grp: async (id) => groupOption(await queryClient.fetchQuery({ ...reads.group(id), ...KEPT })),
  acc: async (id) => accountOption(await queryClient.fetchQuery({ ...reads.account(id), ...KEPT })),
};

async function optionOf(id: string): Promise<Option | undefined> {
  // Whatever the reason, the id says which it is.
  return isNamed(id) ? option[kindOf(id) as Kind](id).catch(() => undefined) : undefined;
}

/** Users, groups or accounts as something to choose; one that is gone, or not for the caller to see, says so. */
export const optionsOf = (ids: readonly string[]): Promise<Option[]> =>
  Promise.all(ids.map(async (id) => (await optionOf(id)) ?? { value: id, label: t('state.unseen'), hint: id }));

/** The names of what is there and seen. Roles that are built in are not among them: they have words. */
export async function namesOf(ids: readonly string[]): Promise<Names> {
  const listed = async (prefix: string, read: () => Promise<readonly { id: string; name: string }[]>) =>
    ids.some((id) => id.startsWith(prefix)) ? read().catch(() => []) : [];
  const [bought, defined, ...options] = await Promise.all([
    listed('prd_', async () => (await queryClient.fetchQuery({ ...reads.products(), ...KEPT })).products),
    listed('rol_', async () => (await queryClient.fetchQuery({ ...reads.roles(), ...KEPT })).roles),
    ...ids.filter(isNamed).slice(0, MOST).map(optionOf),
  ]);
  const named = options.flatMap((one) => (one ? [[one.value, one.label] as const] : []));
  return new Map([...[...bought, ...defined].map(({ id, name }) => [id, name] as const), ...named]);
}

/** The name of one user, group or account, read if it is not `known`. Must be called while a component begins. */
export class Name {
  readonly #id: () => string | undefined;
  readonly #known: () => string | undefined;
  readonly #found;

  constructor(id: () => string | undefined, known: () => string | undefined = () => undefined) {
    this.#id = id;
    this.#known = known;
    this.#found = createQuery(() => {
      const wanted = id() ?? '';
      const read = { usr: reads.user, grp: reads.group, acc: reads.account }[kindOf(wanted)] ?? reads.user;
      return {
        ...KEPT,
        queryKey: read(wanted).queryKey,
        queryFn: (): Promise<{ name: string }> => read(wanted).queryFn(),
        enabled: isNamed(wanted) && known() === undefined,
      };
    });
  }

  /** Lacking while it is being read, and where there is none for the caller. */
  get name(): string | undefined {
    return this.#known() ?? (this.#id() === undefined ? undefined : this.#found.data?.name);
  }

  /** For a place that has to say something: what has no name for the caller is told by its id. */
  get text(): string | undefined {
    return this.name ?? (this.#found.isError || !isNamed(this.#id() ?? '') ? this.#id() : undefined);
  }
}
