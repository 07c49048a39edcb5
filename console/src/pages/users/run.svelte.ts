// An action on many users, carried out batch by batch: it can be stopped between two of them, and goes on after an error
// where it stopped. What became of each user is known throughout.
import { ApiError, Unreachable } from '../../api';
import type { Outcome } from './actions';

/** How many users go into one request: few enough for progress to be seen and for stopping to take effect soon. */
export const BATCH = 200;

/** `open`: was not begun. `unknown`: was sent, and no answer came. */
export type Result = { outcome: Outcome['outcome'] | 'open' | 'unknown'; code?: string; message?: string };

export class Run {
  state = $state<'running' | 'stopping' | 'failed' | 'over'>('running');
  /** What stopped it. */
  error = $state.raw<unknown>();
  /** How many users have been told of. */
  told = $state(0);

  readonly ids: readonly string[];
  readonly #send: (ids: readonly string[]) => Promise<readonly Outcome[]>;
  readonly #outcomes = new Map<string, Outcome>();
  /** Whether the batch that comes next was sent before, without an answer. */
  #lost = $state(false);

  constructor(ids: readonly string[], send: (ids: readonly string[]) => Promise<readonly Outcome[]>) {
    this.ids = ids;
    this.#send = send;
  }

  /** How many users were sent without an answer. */
  get lost(): number {
    return this.#lost ? this.#batch().length : 0;
  }

  /** Begins, or goes on. The same batch sent again is the same request: nothing is done twice. */
  async go(): Promise<void> {
    this.state = 'running';
    this.error = undefined;
    while (this.told < this.ids.length) {
      const batch = this.#batch();
      try {
        for (const outcome of await this.#send(batch)) this.#outcomes.set(outcome.user, outcome);
      } catch (error) {
        this.#lost = error instanceof Unreachable || !(error instanceof ApiError) || error.status >= 500;
        this.error = error;
        this.state = 'failed';
        return;
      }
      this.#lost = false;
      this.told += batch.length;
      // Set from outside meanwhile.
      if ((this.state as string) === 'stopping') break;
    }
    this.state = 'over';
  }

  /** Stops after the batch that is on its way. */
  stop(): void {
    this.state = this.state === 'running' ? 'stopping' : 'over';
  }

  of(id: string): Result {
    const outcome = this.#outcomes.get(id);
    if (outcome) {
      const { code, message } = outcome;
      return { outcome: outcome.outcome, ...(code == null ? {} : { code }), ...(message == null ? {} : { message }) };
    }
    return { outcome: this.#lost && this.#batch().includes(id) ? 'unknown' : 'open' };
  }

  #batch(): readonly string[] {
    return this.ids.slice(this.told, this.told + BATCH);
  }
}
