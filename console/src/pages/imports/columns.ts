// The columns that an import understands, and where a user holds what they say.
import type { Schemas } from '../../api';

type User = Schemas['User'];

/** As the API names them. */
export const columns = [
  'External ID',
  'Email',
  'First Name',
  'Last Name',
  'Phone Number',
  'Kind',
  'Employee Number',
  'Class',
  'Roles',
  'Groups',
  'Products',
  'Account',
  'Locale',
] as const;

type Column = (typeof columns)[number];

const folded = (heading: string): string => heading.toLowerCase().replace(/[\s_\-\uFEFF]/g, '');

/** The column that a heading names: case, blanks, `_` and `-` make no difference. */
export function columnOf(heading: string): Column | undefined {
  const name = folded(heading);
  return name === 'phone' ? 'Phone Number' : columns.find((column) => folded(column) === name);
}

const fields: Partial<Record<Column, keyof User>> = {
  'External ID': 'external_id',
  Email: 'email',
  'First Name': 'first_name',
  'Last Name': 'last_name',
  'Phone Number': 'phone',
  Kind: 'kind',
  'Employee Number': 'employee_number',
  Class: 'class',
  Locale: 'locale',
};

/** What the user has where the row says something else; nothing where they agree, or the row says nothing. */
export function differs(heading: string, value: string, user: User): { now: string } | undefined {
  const column = columnOf(heading);
  const field = column && fields[column];
  if (!field || value.trim() === '') return undefined;
  const now = String(user[field] ?? '');
  const same = column === 'Phone Number' ? (text: string) => text.replace(/[^\d+]/g, '') : (text: string) => text.trim();
  const loose = column === 'Kind' || column === 'Class';
  const [a, b] = [same(value), same(now)].map((text) => (loose ? text.toLowerCase() : text));
  return a === b ? undefined : { now };
}
