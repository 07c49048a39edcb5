// Which entries are shown: ids, codes and times, all of which may stand in the address.
import { format, locale } from '../../i18n';
import { audit as t } from '../../i18n/audit';
import { operations, operationText, trail } from '../../i18n/trail';
import { fitting, type Option } from '../../ui/options';
import { findUsers } from '../../ui/search';

export interface Filter {
  user?: string;
  actor?: string;
  operation?: string;
  from?: string;
  to?: string;
}

export const filterNames = ['user', 'actor', 'operation', 'from', 'to'] as const satisfies readonly (keyof Filter)[];

/** What the address says; what cannot be meant is left out. */
export function readFilter(query: URLSearchParams): Filter {
  const filter: Filter = {};
  for (const name of filterNames) {
    const value = query.get(name);
    const time = name === 'from' || name === 'to';
    if (value && (!time || !Number.isNaN(Date.parse(value)))) filter[name] = value;
  }
  return filter;
}

export const areas = [
  'users',
  'invitations',
  'licences',
  'imports',
  'exports',
  'groups',
  'accounts',
  'roles',
  'products',
  'tenants',
] as const;

/** An operation's area, or that of a whole area (`users.`). */
export const areaOf = (operation: string | undefined): string | undefined => operation?.split('.')[0];

const isArea = (operation: string): boolean => operation.endsWith('.');

/** The operation itself, if it is one and not a whole area. */
export const exactOf = (operation: string | undefined): string | undefined =>
  operation === undefined || isArea(operation) ? undefined : operation;

/** The operations of an area that fit a text, for choosing one. */
export function findOperations(area: string | undefined, text: string): readonly Option[] {
  const within = operations.filter((code) => area === undefined || code.startsWith(`${area}.`));
  return fitting(
    within.map((code) => ({ value: code, label: operationText(code) })),
    text,
  );
}

const others = () =>
  (['support', 'schedule'] as const).map((value) => ({ value, label: trail(`actor.${value}`) }));

/** Who can have done something: users, and who is none. */
export async function findActors(text: string, signal: AbortSignal): Promise<readonly Option[]> {
  return [...fitting(others(), text), ...(await findUsers(text, signal))];
}

/** What is not a user has its name at hand. */
export const otherActor = (actor: string | undefined): string | undefined =>
  others().find(({ value }) => value === actor)?.label;

/** `2 Mar 2026, 09:00–10:00` */
export const rangeText = (from: string, to: string): string =>
  new Intl.DateTimeFormat(locale.tag, { dateStyle: 'medium', timeStyle: 'short' }).formatRange(new Date(from), new Date(to));

/** The time that is shown, in words. */
export function timeText({ from, to }: Filter): string | undefined {
  if (from && to) return rangeText(from, to);
  if (from) return t('filter.since', { from: format.dateTime(from) });
  return to ? t('filter.until', { to: format.dateTime(to) }) : undefined;
}

/** A moment as `<input type="datetime-local">` has it, in the reader's zone, to the minute. */
export function localOf(moment: string | undefined): string {
  if (moment === undefined) return '';
  const at = new Date(moment);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** The moment that such an input means. */
export const momentOf = (local: string): string | undefined =>
  local === '' ? undefined : new Date(local).toISOString();

/** The beginning of the day in the reader's zone, `days` ago. */
export function dayStart(now: number, days: number): string {
  const day = new Date(now);
  day.setHours(0, 0, 0, 0);
  day.setDate(day.getDate() - days);
  return day.toISOString();
}
