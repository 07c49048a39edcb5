// Verifies the trail call by call, each going on where the one before ended, and keeps what was found.
import type { Schemas } from '../../api';

type Answer = Schemas['Verification'];

export type State = 'idle' | 'running' | 'done' | 'stopped' | 'failed';

export class Verifier {
  state = $state<State>('idle');
  seals = $state(0);
  entries = $state(0);
  findings = $state.raw<readonly Schemas['AuditFinding'][]>([]);
  /** The last answer: up to where it is sealed, and what waits. */
  last = $state.raw<Answer>();
  error = $state.raw<unknown>();

  readonly #read: (cursor: string | undefined, signal: AbortSignal) => Promise<Answer>;
  #aborter: AbortController | undefined;

  constructor(read: (cursor: string | undefined, signal: AbortSignal) => Promise<Answer>) {
    this.#read = read;
  }

  async run(): Promise<void> {
    this.stop();
    const aborter = new AbortController();
    this.#aborter = aborter;
    [this.state, this.seals, this.entries, this.findings] = ['running', 0, 0, []];
    [this.last, this.error] = [undefined, undefined];
    try {
      let cursor: string | undefined;
      do {
        const answer = await this.#read(cursor, aborter.signal);
        if (aborter.signal.aborted) return;
        this.last = answer;
        this.seals += answer.seals;
        this.entries += answer.entries;
        this.findings = [...this.findings, ...answer.findings];
        cursor = answer.next ?? undefined;
      } while (cursor !== undefined);
      this.state = 'done';
    } catch (error) {
      if (aborter.signal.aborted) return;
      this.error = error;
      this.state = 'failed';
    }
  }

  stop(): void {
    this.#aborter?.abort();
    this.#aborter = undefined;
    if (this.state === 'running') this.state = 'stopped';
  }
}
