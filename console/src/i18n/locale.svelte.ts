// Which language everything is said in: what somebody chose, else the user's own, else the browser's, else English.

export const languages = ['en', 'de'] as const;
export type Language = (typeof languages)[number];

/** Each language's name for itself. */
export const languageNames: Record<Language, string> = { en: 'English', de: 'Deutsch' };

const KEY = 'muster.language';

/** The first of some BCP 47 tags that there is a catalogue for. */
export function languageOf(tags: readonly (string | null | undefined)[]): Language | undefined {
  for (const tag of tags) {
    const primary = tag?.split(/[-_]/)[0]?.toLowerCase();
    const language = languages.find((one) => one === primary);
    if (language) return language;
  }
  return undefined;
}

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

const browser: readonly string[] = typeof navigator === 'undefined' ? [] : navigator.languages;

class Locale {
  #chosen = $state(languageOf([stored()]));
  #users = $state<Language>();

  /** The language of all texts. */
  readonly language: Language = $derived(this.#chosen ?? this.#users ?? languageOf(browser) ?? 'en');

  /** The tag for dates and numbers: the browser's own variant of the language, such as `en-GB`. */
  readonly tag: string = $derived(browser.find((tag) => languageOf([tag]) === this.language) ?? this.language);

  /** Keeps a choice, in this browser. */
  choose(language: Language): void {
    this.#chosen = language;
    try {
      localStorage.setItem(KEY, language);
    } catch {
      // Then it lasts as long as the page.
    }
  }

  /** What the user's own entry says, for browsers where nobody chose. */
  suggest(tag: string | null | undefined): void {
    this.#users = languageOf([tag]);
  }
}

export const locale = new Locale();
