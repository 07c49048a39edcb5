// The filters in words. The address has ids only; what they are called is read.
import { audit as t } from '../../i18n/audit';
import { operationText } from '../../i18n/trail';
import { Name } from '../../ui/names.svelte';
import { areaOf, areas, exactOf, otherActor, timeText, type Filter } from './filters';

/** To be made as a component is made. */
export class Told {
  readonly #filter: () => Filter;
  readonly #user;
  readonly #actor;

  constructor(filter: () => Filter) {
    this.#filter = filter;
    this.#user = new Name(() => filter().user);
    this.#actor = new Name(() => filter().actor);
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
