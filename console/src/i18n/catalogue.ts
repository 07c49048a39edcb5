// The message catalogue: every text that people see, in every language, by typed keys. A text that is missing in a
// language, a placeholder that is not filled and a key that does not exist are compile errors.
import { locale, type Language } from './locale.svelte';

/** A text by number; `{n}` is the number. */
export interface Plural {
  one: string;
  other: string;
}

/** A text, with `{names}` for what is filled in. */
export type Message = string | Plural;

type Names<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type NamesOf<M extends Message> = M extends Plural
  ? Names<M['one']> | Names<M['other']> | 'n'
  : M extends string
    ? Names<M>
    : never;
type Values<M extends Message> = [NamesOf<M>] extends [never]
  ? []
  : [values: { [Name in NamesOf<M>]: Name extends 'n' ? number : string | number }];

/** The same keys, each with a text of the same kind. */
type Translated<English extends Record<string, Message>> = {
  [Key in keyof English]: English[Key] extends string ? string : Plural;
};

/** What gives the texts of an area, such as `t('title')` or `t('rows', { n: 3 })`; follows the language. */
export interface Texts<English extends Record<string, Message>> {
  <Key extends keyof English>(key: Key, ...values: Values<English[Key]>): string;
  /** All texts, for tests and for looking a code up. */
  readonly texts: Record<Language, Record<string, Message>>;
}

const numbers = new Map<string, Intl.NumberFormat>();

function numberOf(value: number, tag: string): string {
  // Written as they are everywhere, so that most pages need no Intl, which takes a phone long to load.
  if (Number.isInteger(value) && value >= 0 && value < 1_000) return `${value}`;
  const format = numbers.get(tag) ?? new Intl.NumberFormat(tag);
  numbers.set(tag, format);
  return format.format(value);
}

/** A text with its placeholders filled; numbers are written as the locale does. */
export function fill(
  message: Message,
  values: Record<string, string | number>,
  tag: string,
): string {
  // Of whole numbers 1 alone is singular, in English and in German.
  const text = typeof message === 'string' ? message : values['n'] === 1 ? message.one : message.other;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (typeof value === 'number') return numberOf(value, tag);
    return value ?? whole;
  });
}

/** The texts of an area of the console, in English and in every other language. */
export function catalogue<const English extends Record<string, Message>>(
  en: English,
  de: Translated<English>,
): Texts<English> {
  const texts: Record<Language, Record<string, Message>> = { en, de };
  const t = (key: keyof English, values?: Record<string, string | number>): string => {
    const message = texts[locale.language][key as string] ?? '';
    return values || typeof message !== 'string' ? fill(message, values ?? {}, locale.tag) : message;
  };
  return Object.assign(t, { texts }) as Texts<English>;
}
