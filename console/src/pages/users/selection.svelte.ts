// Which users are selected. The selection outlives searches and filters, so that people found one after another can be
// dealt with together.
import { pick, type ActionId, type Picked } from './actions';
import { readUsers, type Query } from './filters';
import type { User, UserList } from './list.svelte';
import type { Run } from './run.svelte';

export class Selection {
  users = $state.raw<ReadonlyMap<string, Picked>>(new Map());
  readonly ids: ReadonlySet<string> = $derived(new Set(this.users.keys()));
  /** How many have been found, while the rest of a list is read. */
  reading = $state<number>();
  /** The list of which everybody is selected, read or not. */
  whole = $state<string>();

  #aborter: AbortController | undefined;
  /** Whom the last action in this list was for. */
  #changed: ReadonlySet<string> = new Set();

  choose(rows: readonly User[], keys: readonly string[], on: boolean): void {
    const chosen = new Map(this.users);
    const wanted = new Set(keys);
    if (on) for (const user of rows) if (wanted.has(user.id)) chosen.set(user.id, pick(user));
    if (!on) {
      for (const key of keys) chosen.delete(key);
      this.whole = undefined;
    }
    this.users = chosen;
  }

  /** Reads the rest of a list, and selects everybody in it. Stopped or failed, it leaves the selection as it is. */
  async chooseAll(list: UserList, query: Query): Promise<void> {
    this.stop();
    const aborter = new AbortController();
    this.#aborter = aborter;
    const { key } = list;
    const found = new Map(this.users);
    for (const user of list.rows) found.set(user.id, pick(user));
    this.reading = found.size;
    try {
      for (let cursor = list.next; cursor !== undefined; ) {
        const page = await readUsers(query, cursor, aborter.signal);
        for (const user of page.users) found.set(user.id, pick(user));
        this.reading = found.size;
        cursor = page.next ?? undefined;
      }
      if (aborter.signal.aborted) return;
      this.users = found;
      this.whole = key;
    } catch (error) {
      if (!aborter.signal.aborted) throw error;
    } finally {
      if (this.#aborter === aborter) this.reading = undefined;
    }
  }

  stop(): void {
    this.#aborter?.abort();
    this.reading = undefined;
  }

  clear(): void {
    this.stop();
    this.users = new Map();
    this.whole = undefined;
  }

  /** What is known of them now, where the list shows it. */
  fresh(rows: readonly User[]): readonly Picked[] {
    const now = new Map(rows.filter(({ id }) => this.users.has(id)).map((user) => [user.id, user]));
    return [...this.users.values()].map((user) => {
      const row = now.get(user.id);
      return row ? pick(row) : user;
    });
  }

  /** Who stays selected after an action: all but those who left the list by it, if what is known of them is kept up to date. */
  after(action: ActionId, run: Run, rows: readonly User[]): void {
    const listed = new Set(rows.map(({ id }) => id));
    const left = (id: string) => (action === 'delete' || action === 'restore') && run.of(id).outcome === 'done';
    const rest = [...this.users].filter(([id]) => !left(id));
    this.whole = undefined;
    this.users = new Map(rest.every(([id]) => listed.has(id)) ? rest : []);
    this.#changed = this.ids;
  }

  /** The list of an action was read anew, to its end: whoever is not in it any more left it by the action. */
  reread(rows: readonly User[]): void {
    const listed = new Set(rows.map(({ id }) => id));
    const gone = [...this.#changed].filter((id) => !listed.has(id));
    if (gone.length > 0) this.choose(rows, gone, false);
  }

  /** Another list is looked at: the selection stays. */
  leave(): void {
    this.stop();
    this.#changed = new Set();
  }
}
