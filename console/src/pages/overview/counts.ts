// What the numbers of the overview mean, apart from how they look.
import type { Product, Schemas } from '../../api';

export type Counts = Schemas['UserCounts'];
export type Status = Schemas['Status'];

/** In the order in which users go through them; deleted ones are no part of the company any more. */
export const present = ['active', 'activation_pending', 'invitation_expired', 'not_invited', 'suspended'] as const satisfies readonly Status[];

/** How many users the company has, without those that are deleted. */
export const total = ({ status }: Counts): number => present.reduce((sum, one) => sum + status[one], 0);

const MINUTE_MS = 60_000;

/** How long a count is good enough: a minute for every thousand users, for it reads each of them; at least one, at most an hour. */
export function lifetime(counts: Counts | null | undefined): number {
  return counts ? Math.min(60, Math.max(1, total(counts) / 1000)) * MINUTE_MS : 0;
}

/** Whether the users should be counted anew. `asked` is when this page last asked for it, by the same clock as `now`. */
export function isStale(overview: Schemas['Overview'], now: number, asked = -Infinity): boolean {
  if (overview.counting) return false;
  const lasts = lifetime(overview.counts);
  const counted = overview.counted_at ? Date.parse(overview.counted_at) : -Infinity;
  // The clocks of browser and API may differ: without the second condition one that is ahead would have it count for ever.
  return now - counted > lasts && now - asked > Math.max(lasts, MINUTE_MS);
}

/** What a new company has done so far, and whether it needs to be told how to go on. */
export function begun(counts: Counts, products: readonly Product[]) {
  const { active, activation_pending: pending, invitation_expired: expired } = counts.status;
  const added = total(counts) > 1;
  const assigned = products.some(({ used }) => used > 0);
  // The first of them is the owner.
  const invited = active + pending + expired > 1;
  return { added, assigned, invited, underWay: added && (assigned || invited) };
}
