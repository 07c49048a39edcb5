import { describe, expect, it } from 'vitest';
import { day, duration, money, relative } from './format';

const now = '2026-03-02T08:00:00Z';
const from = (seconds: number) => relative(new Date(Date.parse(now) + seconds * 1000), now);

describe('relative times', () => {
  it.each([
    [86_400, 'in 24 hours'],
    [86_399, 'in 24 hours'],
    [47 * 3_600, 'in 47 hours'],
    [3 * 86_400, 'in 3 days'],
    [-90, '2 minutes ago'],
    [-59 * 60 - 45, '1 hour ago'],
    [-40 * 86_400, '40 days ago'],
    [-61 * 86_400, '2 months ago'],
    [-800 * 86_400, '2 years ago'],
    [20, 'now'],
    [-29, 'just now'],
    [45, 'in 1 minute'],
  ])('%i seconds away are told as %s', (seconds, text) => expect(from(seconds)).toBe(text));
});

describe('times to wait', () => {
  it.each([
    [0, '1 second'],
    [40, '40 seconds'],
    [91, '2 minutes'],
    [900, '15 minutes'],
    [7_000, '2 hours'],
  ])('%i seconds are told as %s', (seconds, text) => expect(duration(seconds)).toBe(text));
});

it('a day is the same wherever it is read', () => expect(day('2026-04-01')).toMatch(/\b1\b.*2026/));

describe('money', () => {
  it.each([
    ['0.25', 'EUR', '€0.25'],
    ['12', 'EUR', '€12.00'],
    ['0.000001', 'EUR', '€0.000001'],
    // What a float would round.
    ['999999.999999', 'USD', '999,999.999999'],
  ])('%s %s is written as %s', (amount, currency, text) => expect(money(amount, currency)).toContain(text));
});
