// A plan or a report as it is read: a line per row, of which as many are held as anybody can look through.
import { Unreachable } from '../../api';
import { outcomes, type Counts, type Form, type Outcome } from './counts';
import { cells, plain, Records } from './csv';

/** How many rows of each outcome are held, and of all together. */
export const MOST = 100_000;
/** How often what was read is shown. */
const SHOWN_EVERY_MS = 150;

/** The columns that stand before those of the upload. */
const COLUMNS = {
  plan: ['Line', 'Outcome', 'Code', 'Message', 'User', 'Version', 'References'],
  report: ['Line', 'Outcome', 'Code', 'Message'],
} as const satisfies Record<Form, readonly string[]>;

/** A row as it is held: the rest of it is read when it is shown. */
export interface Row {
  readonly line: string;
  readonly outcome: Outcome;
  readonly record: string;
}

/** What a row says. */
export interface Told {
  line: number;
  outcome: Outcome;
  /** Why it is refused, or what else there is to say. */
  code: string;
  message: string;
  /** The user whom it is about, where a plan names them. */
  user: string;
  /** By heading, as they were uploaded. */
  values: { heading: string; value: string }[];
}


export class Plan {
  /** The headings of the upload. */
  headings = $state.raw<readonly string[]>([]);
  state = $state<'reading' | 'read' | 'failed'>('reading');
  failure = $state.raw<unknown>();
  #shown = $state.raw<Record<Outcome | 'all', readonly Row[]>>(nothing());
  readonly #held: Record<Outcome | 'all', Row[]> = nothing();
  readonly #columns: readonly string[];
  #begun = false;

  constructor(form: Form) {
    this.#columns = COLUMNS[form];
  }

  /** The rows of an outcome, or all, in the order of the file. */
  rows(outcome: Outcome | undefined): readonly Row[] {
    return this.#shown[outcome ?? 'all'];
  }

  /** Reads from `address` until it has what is held of `counts`. */
  async read(address: () => Promise<string>, counts: Counts, signal: AbortSignal): Promise<void> {
    try {
      const stream = await open(await address(), signal);
      const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
      const records = new Records();
      let shownAt = 0;
      for (let done = false; !done && !this.#enough(counts); ) {
        const part = await next(reader, signal);
        done = part === undefined;
        for (const record of part === undefined ? records.end() : records.push(part)) this.#take(record);
        if (performance.now() - shownAt > SHOWN_EVERY_MS) {
          this.#show();
          shownAt = performance.now();
        }
      }
      void reader.cancel().catch(() => undefined);
      this.state = 'read';
    } catch (error) {
      if (signal.aborted) return;
      this.failure = error;
      this.state = 'failed';
    } finally {
      this.#show();
    }
  }

  /** What a row says, in full. */
  tell(row: Row): Told {
    const values = cells(row.record).map(plain);
    const ours = (column: string) => values[this.#columns.indexOf(column)] ?? '';
    return {
      line: Number(row.line),
      outcome: row.outcome,
      code: ours('Code'),
      message: ours('Message'),
      user: ours('User'),
      values: this.headings.map((heading, place) => ({ heading, value: values[this.#columns.length + place] ?? '' })),
    };
  }

  #take(record: string): void {
    if (!this.#begun) {
      this.#begun = true;
      this.headings = cells(record).slice(this.#columns.length).map(plain);
      return;
    }
    const [line = '', outcome = ''] = record.split(',', 2);
    if (!isOutcome(outcome)) return;
    const row = { line, outcome, record };
    for (const rows of [this.#held.all, this.#held[outcome]]) if (rows.length < MOST) rows.push(row);
  }

  #enough(counts: Counts): boolean {
    return this.#begun && outcomes.every((outcome) => this.#held[outcome].length >= Math.min(MOST, counts[outcome]));
  }

  #show(): void {
    this.#shown = {
      all: this.#held.all.slice(),
      created: this.#held.created.slice(),
      updated: this.#held.updated.slice(),
      unchanged: this.#held.unchanged.slice(),
      refused: this.#held.refused.slice(),
    };
  }
}

const nothing = (): Record<Outcome | 'all', Row[]> => ({ all: [], created: [], updated: [], unchanged: [], refused: [] });

const isOutcome = (text: string): text is Outcome => (outcomes as readonly string[]).includes(text);

async function open(address: string, signal: AbortSignal): Promise<ReadableStream<BufferSource>> {
  let response: Response;
  try {
    response = await fetch(address, { signal, credentials: 'omit', referrerPolicy: 'no-referrer' });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Unreachable(false);
  }
  if (!response.ok || response.body === null) throw new Error(`the file's storage answers ${response.status}`);
  return response.body as ReadableStream<BufferSource>;
}

async function next(reader: ReadableStreamDefaultReader<string>, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { done, value } = await reader.read();
    return done ? undefined : value;
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Unreachable(false);
  }
}
