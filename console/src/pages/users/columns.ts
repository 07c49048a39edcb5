// The columns of the list, and which of them somebody chose: remembered in this browser, by their ids.
import type { User } from './list.svelte';

const widths = {
  // Narrow enough on phones for the status beside it.
  name: 'minmax(clamp(9rem, 24vw, 11rem), 2fr)',
  status: 'clamp(10.5rem, 20vw, 11.25rem)',
  class: '7rem',
  roles: 'minmax(9rem, 1.2fr)',
  email: 'minmax(11rem, 1.8fr)',
  external_id: 'minmax(7rem, 1fr)',
  phone: '10rem',
  employee_number: '9.5rem',
  groups: 'minmax(11rem, 1.5fr)',
  licences: 'minmax(11rem, 1.8fr)',
  account: 'minmax(9rem, 1.2fr)',
  invitation: '15rem',
  last_login_at: '7.75rem',
  created_at: '8rem',
  updated_at: '9.5rem',
} as const satisfies Partial<Record<keyof User, string>>;

export type Column = keyof typeof widths;

export const columns = Object.keys(widths) as readonly Column[];
export const widthOf = (column: Column): string => widths[column];

/** Stands in every row, or nobody knew who it is. */
export const FIXED: Column = 'name';
export const usual: readonly Column[] = ['name', 'status', 'email', 'external_id', 'licences', 'last_login_at'];

const STORED = 'muster.users.columns';

/** The chosen columns in the order of all, whatever was stored. */
export function arranged(chosen: Iterable<unknown>): readonly Column[] {
  const wanted = new Set<unknown>(chosen);
  return columns.filter((column) => column === FIXED || wanted.has(column));
}

export function rememberedColumns(): readonly Column[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(STORED) ?? 'null');
    return Array.isArray(stored) ? arranged(stored) : usual;
  } catch {
    return usual;
  }
}

export function rememberColumns(chosen: readonly Column[]): void {
  try {
    localStorage.setItem(STORED, JSON.stringify(chosen));
  } catch {
    // Then the usual ones come back with the next visit.
  }
}
