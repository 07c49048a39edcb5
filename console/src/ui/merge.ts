// Two people edit one thing: what each changed, and both together.

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** The fields in which two versions differ. */
export function differing<T extends object>(a: T, b: T): (keyof T & string)[] {
  const fields = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof T & string>;
  return [...fields].filter((field) => !same(a[field], b[field]));
}

/** Whose version of a field is taken. */
export type Side = 'theirs' | 'mine';

/** A field that was changed by somebody since editing began. */
export interface Change<Field extends string = string> {
  field: Field;
  /** By whom; by both means to different values. */
  by: Side | 'both';
}

/** What became of each field: `base` is where both began. Where both made the same of it, there is nothing to choose. */
export function changes<T extends object>(base: T, theirs: T, mine: T): Change<keyof T & string>[] {
  const [own, others] = [differing(base, mine), differing(base, theirs)];
  return differing(theirs, mine).map((field) => {
    const both = own.includes(field) && others.includes(field);
    return { field, by: both ? 'both' : own.includes(field) ? 'mine' : 'theirs' };
  });
}

/** Theirs, with those fields of mine that were picked: nothing that somebody else did is undone unasked. */
export function merged<T extends object>(theirs: T, mine: T, picked: Partial<Record<string, Side>>): T {
  return { ...theirs, ...Object.fromEntries(Object.entries(mine).filter(([field]) => picked[field] === 'mine')) };
}
