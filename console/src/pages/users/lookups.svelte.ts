// The names behind the ids in the list: of roles, products, and as many groups as most companies have.
import { createQuery } from '@tanstack/svelte-query';
import { api, ok, queryClient, reads, type Product, type Schemas } from '../../api';
import { roleName, words } from '../../i18n/words';
import { Name } from '../../ui/names.svelte';
import type { Filter } from './filters';

/** How long names are taken for right without asking. */
const KEPT_MS = 60_000;

const roles = () => ({ ...reads.roles(), staleTime: KEPT_MS });
const groups = () => ({
  queryKey: ['groups', 'first'],
  queryFn: () => ok(api.GET('/v1/groups', { params: { query: { limit: 200 } } })),
  staleTime: KEPT_MS,
});

/** Asks for all of them. */
export function preloadNames(): void {
  void queryClient.prefetchQuery(roles());
  void queryClient.prefetchQuery(reads.products());
  void queryClient.prefetchQuery(groups());
}

export class Lookups {
  readonly #roles = createQuery(roles);
  readonly #products = createQuery(reads.products);
  readonly #groups = createQuery(groups);

  readonly roles: readonly Schemas['Role'][] = $derived(this.#roles.data?.roles ?? []);
  readonly products: readonly Product[] = $derived(this.#products.data?.products ?? []);
  readonly #groupNames = $derived(new Map(this.#groups.data?.groups.map(({ id, name }) => [id, name])));

  readonly #filter: () => Filter;
  readonly #chosenGroup;
  readonly #chosenAccount;

  /** `filter` is the present one, whose group and account have names too. */
  constructor(filter: () => Filter) {
    this.#filter = filter;
    this.#chosenGroup = new Name(
      () => filter().group,
      () => this.group(filter().group ?? ''),
    );
    this.#chosenAccount = new Name(() => filter().account);
  }

  /** What is chosen of a filter, in words. */
  chosen(name: keyof Filter): string {
    const filter = this.#filter();
    switch (name) {
      case 'status':
        return filter.status ? words(`status.${filter.status}`) : '';
      case 'kind':
        return filter.kind ? words(`kind.${filter.kind}`) : '';
      case 'class':
        return filter.class ? words(`class.${filter.class}`) : '';
      case 'licence':
        return filter.licence ? words(`licence.${filter.licence}`) : '';
      case 'invitation':
        return filter.invitation ? words(`mail.${filter.invitation}`) : '';
      case 'role':
        return roleName(filter.role ?? '', this.roles);
      case 'product':
        return this.product(filter.product ?? '');
      case 'group':
        return this.#chosenGroup.text ?? '…';
      case 'account':
        return this.#chosenAccount.text ?? '…';
    }
  }

  product(id: string): string {
    return this.products.find((product) => product.id === id)?.name ?? id;
  }

  /** The name of a group, if it is one of the first. */
  group(id: string): string | undefined {
    return this.#groupNames.get(id);
  }
}
