// An edit of something that others edit too. The API refuses one that was made from an old version; then both versions are
// shown (VersionConflict.svelte), each field is decided, and the edit goes on from theirs.
import { ApiError } from '../api';
import { changes, differing, merged, type Side } from './merge';

/** A saved version, as a form has it. */
export interface Version<T> {
  values: T;
  version: number;
  /** When it was saved. */
  at?: string | null | undefined;
}

export class Edit<T extends object> {
  /** What editing began from. */
  base = $state.raw() as Version<T>;
  /** What is filled in. */
  values = $state.raw() as T;
  /** What somebody else made of it meanwhile. */
  theirs = $state.raw<Version<T>>();
  picked = $state.raw<Partial<Record<string, Side>>>({});

  readonly #plain: (values: T) => object;

  /** `plain`: the values as they are compared, where equal ones may be filled in differently. */
  constructor(base: Version<T>, plain: (values: T) => object = (values) => values) {
    this.base = base;
    this.values = base.values;
    this.#plain = plain;
  }

  /** The fields that differ from what editing began from. */
  readonly changed = $derived.by(() => differing(this.#plain(this.base.values), this.#plain(this.values)) as string[]);

  /** What is to be decided, field by field. */
  readonly changes = $derived.by(() => {
    const [plain, { theirs }] = [this.#plain, this];
    return theirs ? changes(plain(this.base.values), plain(theirs.values), plain(this.values)) : [];
  });

  /** Whether a field that both changed waits for a choice. */
  readonly undecided = $derived(this.changes.some(({ field }) => this.picked[field] === undefined));

  /** Saves it, from the version that it began from; somebody else's that was saved meanwhile is met instead. */
  async save(write: (from: Version<T>, values: T) => Promise<unknown>, latest: () => Promise<Version<T>>): Promise<void> {
    if (this.undecided) return;
    this.settle();
    try {
      await write(this.base, this.values);
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 'precondition_failed')) throw error;
      this.meet(await latest());
    }
  }

  /** Somebody else has saved a version meanwhile. What only one of both changed is picked already. */
  meet(theirs: Version<T>): void {
    this.theirs = theirs;
    const one = this.changes.flatMap(({ field, by }) => (by === 'both' ? [] : [[field, by] as const]));
    this.picked = Object.fromEntries(one);
  }

  /** From here on it is an edit of their version, with what was picked of mine. */
  settle(): void {
    if (!this.theirs) return;
    this.values = merged(this.theirs.values, this.values, this.picked);
    this.base = this.theirs;
    this.theirs = undefined;
  }
}
