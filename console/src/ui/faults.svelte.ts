// What is wrong with a form: each fault of the API beside its field, and the rest above the button.
import { tick } from 'svelte';
import { ApiError } from '../api';
import { faultText, inShort } from '../i18n';

/** Which field a problem without fields is about, such as `{ username_taken: 'username' }`. */
export type Places = Readonly<Record<string, string>>;

export class Faults {
  #fields = $state.raw<Readonly<Record<string, string>>>({});
  /** What is not about a field of the form. */
  general = $state<string>();
  /** The error itself, for what needs more of it. */
  error = $state.raw<unknown>();

  readonly #known: readonly string[];
  readonly #places: Places;

  /** For a form with these fields, as the API names them. */
  constructor(known: readonly string[], places: Places = {}) {
    this.#known = known;
    this.#places = places;
  }

  /** What is wrong with a field, for `<Field error=…>`. */
  of(field: string): string | undefined {
    return this.#fields[field];
  }

  get any(): boolean {
    return this.general !== undefined || Object.keys(this.#fields).length > 0;
  }

  clear(): void {
    this.#fields = {};
    this.general = undefined;
    this.error = undefined;
  }

  /** Says of a field what is wrong with it. */
  put(field: string, text: string): void {
    this.#fields = { ...this.#fields, [field]: text };
  }

  /** Takes an error apart. `scope.groups` and `users[3]` are told at `scope` and `users` if only those are known. */
  set(error: unknown): void {
    this.clear();
    this.error = error;
    if (!(error instanceof ApiError)) {
      this.general = inShort(error);
      return;
    }
    const place = this.#places[error.code];
    if (place !== undefined) {
      this.put(place, inShort(error));
      return;
    }
    const homeless: string[] = [];
    for (const fault of error.fields) {
      const field = [fault.field, fault.field.replace(/[.[].*$/, '')].find((name) => this.#known.includes(name));
      if (field === undefined) homeless.push(`${fault.field}: ${faultText(fault)}`);
      else if (this.of(field) === undefined) this.put(field, faultText(fault));
    }
    if (homeless.length > 0) this.general = homeless.join(' ');
    else if (error.fields.length === 0) this.general = inShort(error);
  }

  /** Goes to the first field that something is wrong with. */
  async focus(form: HTMLElement | undefined): Promise<void> {
    await tick();
    form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }
}
