// What an entry of the audit trail changed, as fields with what each was and is.

/** One changed value; `path` leads to it, such as `['invited', 'state']`. */
export interface Row {
  path: readonly string[];
  before: unknown;
  after: unknown;
}

type Fields = Record<string, unknown>;

const fields = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
const isFields = (value: unknown): boolean => Object.keys(fields(value)).length > 0;

/** The changed values, in the order of the fields; of fields that hold fields, those. */
export function rows(before: unknown, after: unknown, path: readonly string[] = []): Row[] {
  const [was, is] = [fields(before), fields(after)];
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])];
  return names.flatMap((name) => {
    const here = [...path, name];
    if (isFields(was[name]) || isFields(is[name])) return rows(was[name], is[name], here);
    return [{ path: here, before: was[name], after: is[name] }];
  });
}

const ID = /^(usr|grp|acc|prd)_[0-9a-z]+$/;

/** The ids of users, groups, accounts and products that stand in rows: what has a name to look up. */
export function idsIn(told: readonly Row[]): string[] {
  const found = told.flatMap(({ path, before, after }) => [path, before, after].flat());
  return [...new Set(found.filter((value): value is string => typeof value === 'string' && ID.test(value)))].sort();
}
