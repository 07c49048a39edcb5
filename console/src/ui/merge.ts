// Two people edit one thing: what each changed, and both together.

/** A form as a record of values that JSON can write. */
export type Values = Readonly<Record<string, unknown>>;

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** The fields in which two versions differ. */
export function differing<T extends Values>(a: T, b: T): (keyof T & string)[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((field) => !same(a[field], b[field]));
}

/** `theirs` with what `mine` changed of `base`: nothing that somebody else did is undone unasked. */
export function merged<T extends Values>(base: T, mine: T, theirs: T): T {
  const changed = differing(base, mine).map((field) => [field, mine[field]]);
  return { ...theirs, ...Object.fromEntries(changed) } as T;
}
