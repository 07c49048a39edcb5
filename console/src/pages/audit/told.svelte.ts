// The filters in words. The address has ids only; what they are called is read.
import { createQuery } from '@tanstack/svelte-query';
import { api, ok } from '../../api';
import { audit as t, operationText } from '../../i18n/audit';
import { areaOf, areas, exactOf, otherActor, timeText, type Filter } from './filters';

/** What a user is called; the id where there is none any more. */
function createName(id: () => string | undefined): { readonly text: string | undefined } {
  const found = createQuery(() => ({
    queryKey: ['user-name', id()],
    queryFn: async () => (await ok(api.GET('/v1/users/{id}', { params: { path: { id: id() ?? '' } } }))).name,
    enabled: id()?.startsWith('usr_') ?? false,
    staleTime: 60_000,
    retry: false,
  }));
  return {
    get text() {
      return found.data ?? (found.isLoading ? undefined : id());
    },
  };
}

/** To be made as a component is made. */
export class Told {
  readonly #filter: () => Filter;
  readonly #user;
  readonly #actor;

  constructor(filter: () => Filter) {
    this.#filter = filter;
    this.#user = createName(() => filter().user);
    this.#actor = createName(() => filter().actor);
  }

  get user(): string | undefined {
    return this.#user.text;
  }

  get actor(): string | undefined {
    return otherActor(this.#filter().actor) ?? this.#actor.text;
  }

  get area(): string | undefined {
    const area = areas.find((one) => one === areaOf(this.#filter().operation));
    return area && t(`area.${area}`);
  }

  get operation(): string | undefined {
    const operation = exactOf(this.#filter().operation);
    return operation && operationText(operation);
  }

  /** All that is filtered by. */
  get rows(): readonly { name: string; value: string }[] {
    const rows = [
      { name: t('filter.user'), value: this.user },
      { name: t('filter.actor'), value: this.actor },
      { name: t('filter.area'), value: this.operation === undefined ? this.area : undefined },
      { name: t('filter.operation'), value: this.operation },
      { name: t('filter.time'), value: timeText(this.#filter()) },
    ];
    return rows.flatMap(({ name, value }) => (value === undefined ? [] : [{ name, value }]));
  }
}
