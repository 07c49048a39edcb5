// How good a password is, by the rules that the API judges by: 10 to 128 characters, and at least 3 by zxcvbn.

/** The least and the most characters, as people count them. */
export const SHORTEST = 10;
export const LONGEST = 128;

export type Strength =
  | { kind: 'short'; missing: number }
  | { kind: 'long' }
  | { kind: 'weak' | 'fair' | 'good' | 'strong' };

/** Guesses how hard a password is to guess, from 0 to 4; `known` is what others may know of the person. */
export type Guesser = (password: string, known: string[]) => number;

// The same dictionaries and estimates as the API's, in a chunk of its own, because they are large.
const load = async (): Promise<Guesser> => {
  const { default: zxcvbn } = await import('zxcvbn');
  return (password, known) => zxcvbn(password, known).score;
};
let guesser: Promise<Guesser> | undefined;

/** Loads the dictionaries, once. */
export const loadGuesser = (): Promise<Guesser> =>
  (guesser ??= load().catch((error: unknown) => {
    guesser = undefined;
    throw error;
  }));

/** Judges a password; without a guesser, by its length alone. */
export function judge(password: string, known: readonly string[], guess?: Guesser): Strength | undefined {
  // As the API counts: code points, so that an emoji is one.
  const length = [...password].length;
  if (length === 0) return undefined;
  if (length > LONGEST) return { kind: 'long' };
  if (length < SHORTEST) return { kind: 'short', missing: SHORTEST - length };
  if (!guess) return undefined;
  const kinds = ['weak', 'weak', 'fair', 'good', 'strong'] as const;
  return { kind: kinds[guess(password, known.filter((one) => one !== ''))] ?? 'weak' };
}
