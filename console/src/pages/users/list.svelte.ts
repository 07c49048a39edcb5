// The list of users as far as it has been read: page by page, each by the cursor that the one before it gave. Pages in
// sight are kept up to date; the others are read anew when they come in sight, however many there are.
import type { Schemas } from '../../api';

export type User = Schemas['User'];
type Answer = Schemas['UserPage'];
type Read = (cursor: string | undefined, signal: AbortSignal) => Promise<Answer>;

interface Page {
  cursor: string | undefined;
  users: readonly User[];
  next: string | undefined;
  /** May have changed since it was read. */
  stale: boolean;
}

/** How many rows behind those in sight are read ahead, and how many more by how far one has come: whoever scrolls far
 * goes on, and should not have to wait for it. */
const AHEAD = 300;
const AHEAD_PART = 0.25;

export class UserList {
  /** Which list this is; another one begins anew. */
  key = $state<string>();
  /** What went wrong with a page after the first. */
  error = $state.raw<unknown>();
  /** A further page is on its way. */
  readingOn = $state(false);

  #pages = $state.raw<readonly Page[]>([]);
  readonly rows: readonly User[] = $derived(this.#pages.flatMap(({ users }) => users));
  /** From where on the list has not been read. */
  readonly next: string | undefined = $derived(this.#pages.at(-1)?.next);

  #read: Read = () => Promise.reject(new Error('no list yet'));
  #aborter = new AbortController();
  #busy = false;
  #sight = { first: 0, last: -1 };

  /** Takes the first page: of another list, or of this one read anew, of which the rest may then have changed too. */
  begin(key: string, first: Answer, read: Read): void {
    this.#read = read;
    this.error = undefined;
    if (key === this.key) {
      this.#pages = this.#pages.map((page, at) => ({ ...page, stale: at > 0 }));
      this.#put(0, undefined, first);
    } else {
      this.#aborter.abort();
      this.#aborter = new AbortController();
      this.#busy = false;
      this.key = key;
      this.#sight = { first: 0, last: -1 };
      this.#pages = [{ cursor: undefined, users: first.users, next: first.next ?? undefined, stale: false }];
    }
    void this.#go();
  }

  /** Tells which rows are in sight. */
  see(first: number, last: number): void {
    this.#sight = { first, last };
    if (this.error === undefined) void this.#go();
  }

  /** Goes on after an error. */
  retry(): void {
    this.error = undefined;
    void this.#go();
  }

  /** Reads what is needed, one page after another. */
  async #go(): Promise<void> {
    if (this.#busy) return;
    const { signal } = this.#aborter;
    this.#busy = true;
    try {
      for (let at = this.#wanted(); at !== undefined; at = this.#wanted()) {
        this.readingOn = at === this.#pages.length;
        const cursor = this.#cursor(at);
        const answer = await this.#read(cursor, signal);
        if (signal.aborted) return;
        // Unless the pages before it were read anew meanwhile, and end elsewhere.
        if (at === 0 || cursor === this.#cursor(at)) this.#put(at, cursor, answer);
      }
    } catch (error) {
      if (!signal.aborted) this.error = error;
    } finally {
      if (!signal.aborted) {
        this.#busy = false;
        this.readingOn = false;
      }
    }
  }

  /** Which page is to be read: a stale one in sight, or the next one if the end is near. */
  #wanted(): number | undefined {
    const { first, last } = this.#sight;
    let start = 0;
    for (const [at, page] of this.#pages.entries()) {
      const end = start + page.users.length;
      if (page.stale && start <= last && end >= first) return at;
      start = end;
    }
    return this.next !== undefined && start <= last * (1 + AHEAD_PART) + AHEAD ? this.#pages.length : undefined;
  }

  #cursor(at: number): string | undefined {
    return this.#pages[at - 1]?.next;
  }

  #put(at: number, cursor: string | undefined, { users, next: end }: Answer): void {
    const next = end ?? undefined;
    // Who moved in the list stands where it was read last.
    const ids = new Set(users.map(({ id }) => id));
    const without = (page: Page): Page =>
      page.users.some(({ id }) => ids.has(id)) ? { ...page, users: page.users.filter(({ id }) => !ids.has(id)) } : page;
    const rest = next === undefined ? [] : this.#pages.slice(at + 1);
    const [after, ...others] = rest.map(without);
    this.#pages = [
      ...this.#pages.slice(0, at).map(without),
      { cursor, users, next, stale: false },
      // Another beginning makes another page.
      ...(after ? [after.cursor === next ? after : { ...after, cursor: next, stale: true }] : []),
      ...others,
    ];
  }
}
