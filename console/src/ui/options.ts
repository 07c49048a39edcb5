// The logic of choosing from a list with search, apart from how it looks.
import { locale } from '../i18n';

/** Something to choose. */
export interface Option {
  value: string;
  label: string;
  /** What tells it from others of that name. */
  hint?: string;
}

const plain = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLocaleLowerCase(locale.tag);

/** Those whose label or hint has a word that begins with each word of the text; case and accents do not count. */
export function fitting(options: readonly Option[], text: string): readonly Option[] {
  const wanted = plain(text).split(/\s+/).filter(Boolean);
  return options.filter(({ label, hint }) => {
    const words = plain(`${label} ${hint ?? ''}`).split(/[^\p{L}\p{N}]+/u);
    return wanted.every((want) => words.some((word) => word.startsWith(want)));
  });
}
