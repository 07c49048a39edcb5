// Which user is open beside the list: in the address, so that the back button closes it.
import { changed, router } from '../../router.svelte';

export class Opened {
  readonly id = $derived(router.query.get('user') ?? undefined);
  /** Whether it was opened from the list, which the back button then leads to. */
  #pushed = false;

  /** Must be called while a component begins. */
  constructor() {
    $effect(() => {
      if (this.id === undefined) this.#pushed = false;
    });
  }

  open(id: string): void {
    if (id === this.id || id === '') return;
    this.#go(id, this.id !== undefined);
    this.#pushed = true;
  }

  close(): void {
    if (this.id === undefined) return;
    if (this.#pushed) history.back();
    else this.#go(undefined, true);
    this.#pushed = false;
  }

  #go(user: string | undefined, replace: boolean): void {
    const query = changed(router.query, { user }).toString();
    router.go(query === '' ? router.path : `${router.path}?${query}`, { replace });
  }
}
