// Reimbursement rates: in which order and state they are told, and how they are typed.
import type { Schemas } from '../../api';

type Rate = Schemas['Rate'];

/** A rate among the others of its account. */
export interface Told {
  rate: Rate;
  state: 'past' | 'in_force' | 'future';
  /** Its last day, if another rate begins after it. */
  last: string | undefined;
}

const DAY_MS = 86_400_000;

/** The day before, both as `2026-04-01`. */
export const dayBefore = (day: string): string => new Date(Date.parse(day) - DAY_MS).toISOString().slice(0, 10);

/** The day that it is, UTC: rates begin by that. */
export const today = (now: number): string => new Date(now).toISOString().slice(0, 10);

/** All rates of an account, the latest first. */
export function timeline({ rate: inForce, rates }: Pick<Schemas['Account'], 'rate' | 'rates'>): readonly Told[] {
  const state = (rate: Rate) => {
    // Days as the API writes them are in the order of their letters.
    if (!inForce || rate.from > inForce.from) return 'future';
    return rate.from === inForce.from ? 'in_force' : 'past';
  };
  return rates
    .map((rate, index) => {
      const next = rates[index + 1];
      return { rate, state: state(rate), last: next && dayBefore(next.from) } as const;
    })
    .reverse();
}

/** A decimal as the API takes it. A comma is a decimal one where people write such, and where it cannot mean a thousand. */
export function decimal(typed: string, comma: boolean): string {
  const text = typed.trim();
  const thousands = !comma && /,\d{3}$/.test(text);
  return text.includes('.') || thousands ? text : text.replace(',', '.');
}

/** A rate as typed. */
export interface TypedRate {
  amount: string;
  currency: string;
  from: string;
}

/** A form that begins today. */
export const newRate = (currency: string, now: number): TypedRate => ({ amount: '', currency, from: today(now) });

/** A rate as the API takes it. */
export const rateForm = ({ amount, currency, from }: TypedRate, comma: boolean): Schemas['RateForm'] => ({
  per_kwh: decimal(amount, comma),
  currency: currency.trim().toUpperCase(),
  from,
});
