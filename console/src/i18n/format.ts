// Dates, times, numbers and lists as the reader's locale writes them. All follow a change of the language.
import { common } from './common';
import { locale } from './locale.svelte';

type Moment = string | number | Date;

const formats = new Map<string, unknown>();

function kept<T>(kind: string, make: (tag: string) => T): T {
  const key = `${locale.tag} ${kind}`;
  const known = (formats.get(key) as T | undefined) ?? make(locale.tag);
  formats.set(key, known);
  return known;
}

/** `3,000` */
export const number = (value: number): string => kept('number', (tag) => new Intl.NumberFormat(tag)).format(value);

/** `42 %`, of a part between 0 and 1. */
export const percent = (part: number): string =>
  kept('percent', (tag) => new Intl.NumberFormat(tag, { style: 'percent' })).format(part);

/** `€0.25`, of a decimal such as `0.25`: every digit of it is told, as it never becomes a float. */
export const money = (amount: string, currency: string): string =>
  kept(`money ${currency}`, (tag) =>
    new Intl.NumberFormat(tag, { style: 'currency', currency, maximumFractionDigits: 6 }),
  ).format(amount as Intl.StringNumericLiteral);

/** `0.25`, of a decimal such as `0.25`; `0,25` where people write a comma. */
export const decimal = (amount: string): string =>
  kept('decimal', (tag) => new Intl.NumberFormat(tag, { maximumFractionDigits: 6 })).format(
    amount as Intl.StringNumericLiteral,
  );

/** Whether people write a comma before the decimals. */
export const decimalComma = (): boolean => decimal('0.5').includes(',');

/** `3 Mar 2026` */
export const date = (at: Moment): string =>
  kept('date', (tag) => new Intl.DateTimeFormat(tag, { dateStyle: 'medium' })).format(new Date(at));

/** `3 Mar 2026, 08:00` */
export const dateTime = (at: Moment): string =>
  kept('dateTime', (tag) => new Intl.DateTimeFormat(tag, { dateStyle: 'medium', timeStyle: 'short' })).format(
    new Date(at),
  );

/** `1 Apr 2026`, of a day such as `2026-04-01`: the same day wherever it is read. */
export const day = (on: string): string =>
  kept('day', (tag) => new Intl.DateTimeFormat(tag, { dateStyle: 'medium', timeZone: 'UTC' })).format(new Date(on));

/** `Tuesday 3 March 2026 at 08:00:15 CET`: leaves nothing open. */
export const exactTime = (at: Moment): string =>
  kept('exact', (tag) => new Intl.DateTimeFormat(tag, { dateStyle: 'full', timeStyle: 'long' })).format(new Date(at));

/** `a, b and c` */
export const list = (items: readonly string[]): string =>
  kept('list', (tag) => new Intl.ListFormat(tag, { type: 'conjunction' })).format(items);

/** Each unit with its length in seconds, and below how many of it it is told. */
const steps: readonly [Intl.RelativeTimeFormatUnit, number, number][] = [
  ['minute', 60, 60],
  // "Tomorrow" says little of a link that ends.
  ['hour', 3_600, 48],
  ['day', 86_400, 60],
  ['month', 365.25 * 7_200, 24],
  ['year', 365.25 * 86_400, Infinity],
];

/** `in 24 hours`, `3 minutes ago`, `just now` within half a minute: rounded to the unit in which people say it. */
export function relative(at: Moment, now: Moment): string {
  const seconds = (new Date(at).getTime() - new Date(now).getTime()) / 1000;
  for (const [unit, length, below] of steps) {
    const count = Math.round(Math.abs(seconds) / length);
    if (unit === 'minute' && count === 0) break;
    if (count < below) {
      const format = kept('relative', (tag) => new Intl.RelativeTimeFormat(tag, { numeric: 'always' }));
      return format.format(Math.sign(seconds) * count, unit);
    }
  }
  return common(seconds > 0 ? 'time.now' : 'time.justNow');
}

/** `5 minutes`, `40 seconds`: a time to wait, rounded up. */
export function duration(seconds: number): string {
  const [unit, value] =
    seconds >= 5_400 ? ['hour', Math.ceil(seconds / 3_600)] : seconds > 90 ? ['minute', Math.ceil(seconds / 60)] : ['second', Math.max(1, Math.ceil(seconds))];
  return kept(`duration ${unit}`, (tag) =>
    new Intl.NumberFormat(tag, { style: 'unit', unit: unit as string, unitDisplay: 'long' }),
  ).format(value as number);
}

/** `0.6 kB`, `12 kB`, `3.4 MB` */
export function size(bytes: number): string {
  const power = Math.min(3, Math.max(1, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const unit = ['kilobyte', 'megabyte', 'gigabyte'][power - 1] as string;
  return kept(`size ${unit}`, (tag) => new Intl.NumberFormat(tag, { style: 'unit', unit, maximumFractionDigits: 1 })).format(
    bytes / 1_000 ** power,
  );
}

/** The zone that times are shown in, such as `Europe/Berlin`. */
export const zone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;
