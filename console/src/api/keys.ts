// Idempotency keys: a POST whose answer was lost keeps its key, so that sending the same again is the same request, not
// a second one.

/** How long a lost request is remembered; the API remembers it for a day. */
const REMEMBERED_MS = 3_600_000;

interface Key {
  readonly value: string;
  /** The answer has come: the same again would be another request. */
  done(): void;
}

async function digest(text: string): Promise<string> {
  // Only the hash is kept: a body may hold a password.
  const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export class Keys {
  readonly #lost = new Map<string, { value: string; at: number }>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** The key of a request: that of the same request whose answer was lost, or a new one. */
  async of(request: Request): Promise<Key> {
    const what = await digest(`${request.method} ${request.url}\n${await request.clone().text()}`);
    const lost = this.#lost.get(what);
    const remembered = lost !== undefined && this.#now() - lost.at < REMEMBERED_MS;
    const value = remembered ? lost.value : crypto.randomUUID();
    this.#lost.set(what, { value, at: this.#now() });
    return { value, done: () => void this.#lost.delete(what) };
  }
}
