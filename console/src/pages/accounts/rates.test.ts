import { describe, expect, it } from 'vitest';
import { dayBefore, decimal, timeline, today } from './rates';

const rate = (from: string) => ({ per_kwh: '0.25', currency: 'EUR', from, set_at: '2026-01-01T00:00:00Z' });
const [winter, spring, summer] = [rate('2026-01-01'), rate('2026-04-01'), rate('2026-07-01')];

describe('the rates of an account', () => {
  it('are told the latest first, with the last day of those that another follows', () => {
    const told = timeline({ rate: spring, rates: [winter, spring, summer] });
    expect(told.map(({ rate: { from }, state, last }) => [from, last, state])).toEqual([
      ['2026-07-01', undefined, 'future'],
      ['2026-04-01', '2026-06-30', 'in_force'],
      ['2026-01-01', '2026-03-31', 'past'],
    ]);
  });

  it('are all to come while none is in force', () => {
    expect(timeline({ rate: null, rates: [spring, summer] }).map(({ state }) => state)).toEqual(['future', 'future']);
    expect(timeline({ rates: [] })).toEqual([]);
  });
});

it('days follow each other over the ends of months, by UTC', () => {
  expect(dayBefore('2028-03-01')).toBe('2028-02-29');
  expect(today(Date.parse('2026-03-02T23:59:59Z'))).toBe('2026-03-02');
});

describe('an amount as typed', () => {
  it.each([
    ['0.25', false, '0.25'],
    [' 0,25 ', true, '0.25'],
    ['0.25', true, '0.25'],
    ['0,30', false, '0.30'],
    // Left for the API to refuse, as it may mean a thousand.
    ['1,000', false, '1,000'],
    ['1.000,5', true, '1.000,5'],
  ])('%s (comma: %s) is sent as %s', (typed, comma, sent) => expect(decimal(typed, comma)).toBe(sent));
});
