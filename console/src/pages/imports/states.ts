// What follows from the state of an import.
import { can, session, type Schemas } from '../../api';
import type { Outcome } from './counts';

type Import = Schemas['Import'];
type State = Schemas['ImportState'];
type Tone = 'neutral' | 'accent' | 'success' | 'warning' | 'danger';

export const tones: Readonly<Record<State, Tone>> = {
  uploading: 'neutral',
  checking: 'accent',
  ready: 'accent',
  invalid: 'danger',
  importing: 'accent',
  done: 'success',
  done_with_errors: 'warning',
  cancelled: 'neutral',
  failed: 'danger',
};

export const outcomeTones: Readonly<Record<Outcome, Tone>> = {
  created: 'success',
  updated: 'accent',
  unchanged: 'neutral',
  refused: 'danger',
};

/** Whether it moves on by itself. */
export const moves = (state: State): boolean => state === 'uploading' || state === 'checking' || state === 'importing';

/** Whether its rows were carried out. */
export const isDone = (state: State): boolean => state === 'done' || state === 'done_with_errors';

/** In how many milliseconds to look again, it being in its state for so long: most are quick, some take minutes. */
export function lookAgain(lasting: number): number {
  if (lasting < 5_000) return 400;
  if (lasting < 60_000) return 1_000;
  return lasting < 300_000 ? 2_500 : 5_000;
}

/** Whether the caller may commit it: the plan was made with the rights of whoever began it. */
export function mayCommit({ begun_by: by }: Import): boolean {
  const own = by.kind === 'user' && by.id === session.me?.id;
  return can('imports.run') && (own || by.kind !== 'user' || session.me?.class === 'owner');
}

/** The part of a commit that is done, from 0 to 1: what is refused or unchanged takes no time. */
export function partDone({ planned, done }: Pick<Import, 'planned' | 'done'>): number {
  const all = planned.created + planned.updated;
  const gone = done.created + done.updated + (done.refused - planned.refused);
  return all === 0 ? 1 : Math.min(1, Math.max(0, gone / all));
}
