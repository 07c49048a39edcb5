import { expect, it } from 'vitest';
import type { Product } from '../../api';
import { begun, isStale, lifetime, total, type Counts } from './counts';

function counts(status: Partial<Counts['status']>): Counts {
  const none = { not_invited: 0, activation_pending: 0, invitation_expired: 0, active: 0, suspended: 0, deleted: 0 };
  return {
    status: { ...none, ...status },
    kind: { person: 0, vehicle: 0, device: 0 },
    invitations: { expiring: 0, bounced: 0, complained: 0, failed: 0 },
  };
}
const product = (used: number): Product => ({ id: 'prd_1', name: 'App', seats: 9, used, remaining: 9 - used, links: [] });
const NOON = Date.parse('2026-03-03T12:00:00Z');
const at = (counted_at: string, users: number, counting = false) => ({ counted_at, counting, counts: counts({ active: users }) });

it('deleted users are no part of the company', () => {
  expect(total(counts({ active: 2, suspended: 1, deleted: 5 }))).toBe(3);
});

it('the more users there are, the longer a count is good enough', () => {
  expect([null, counts({ active: 3 }), counts({ active: 20_000 }), counts({ active: 900_000 })].map(lifetime)).toEqual([
    0, 60_000, 1_200_000, 3_600_000,
  ]);
});

it('an old count is made anew, unless it is being made', () => {
  expect(isStale({ counting: false }, NOON)).toBe(true);
  expect(isStale(at('2026-03-03T11:59:30Z', 10), NOON)).toBe(false);
  expect(isStale(at('2026-03-03T11:58:30Z', 10), NOON)).toBe(true);
  expect(isStale(at('2026-03-03T11:58:30Z', 10_000), NOON)).toBe(false);
  expect(isStale(at('2026-03-03T11:00:00Z', 10, true), NOON)).toBe(false);
});

it('a clock that is ahead does not have it count again and again', () => {
  expect(isStale(at('2026-03-03T10:00:00Z', 10), NOON, NOON - 30_000)).toBe(false);
  expect(isStale({ counting: false }, NOON, NOON - 30_000)).toBe(false);
  expect(isStale(at('2026-03-03T10:00:00Z', 10), NOON, NOON - 90_000)).toBe(true);
});

it('a company is under way once somebody besides the owner has a licence or an invitation', () => {
  expect(begun(counts({ active: 1 }), [product(0)])).toEqual({ added: false, assigned: false, invited: false, underWay: false });
  expect(begun(counts({ active: 1, not_invited: 4 }), [product(0)])).toMatchObject({ added: true, underWay: false });
  expect(begun(counts({ active: 1, not_invited: 4 }), [product(0), product(1)])).toMatchObject({ assigned: true, underWay: true });
  expect(begun(counts({ active: 1, invitation_expired: 1 }), [])).toMatchObject({ invited: true, underWay: true });
  expect(begun(counts({ active: 1 }), [product(1)])).toMatchObject({ assigned: true, underWay: false });
});
