// Rows by what becomes of them.
import type { Schemas } from '../../api';
import { imports as t } from '../../i18n/imports';

export type Counts = Schemas['Counts'];
export type Outcome = keyof Counts;
/** What tells of the rows: the plan what will become of them, the report what did. */
export type Form = 'plan' | 'report';

/** In the order in which they are shown. */
export const outcomes: readonly Outcome[] = ['created', 'updated', 'unchanged', 'refused'];

export const total = (counts: Counts): number => outcomes.reduce((sum, outcome) => sum + counts[outcome], 0);

/** `12 added · 3 refused`; of a plan `12 to add · 3 refused`. */
export function inWords(counts: Counts, form: Form): string {
  return outcomes
    .filter((outcome) => counts[outcome] > 0)
    .map((outcome) => {
      const ahead = form === 'plan' && (outcome === 'created' || outcome === 'updated');
      return t(ahead ? `told.planned.${outcome}` : `told.${outcome}`, { n: counts[outcome] });
    })
    .join(' · ');
}
