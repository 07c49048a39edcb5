// Short news in the corner: `toast.success(…)`, `toast.error(error)`. Errors stay until they are closed.
import { inShort } from '../i18n';

export interface Toast {
  id: number;
  tone: 'success' | 'danger' | 'info';
  text: string;
}

const LASTS_MS = 6_000;

class Toasts {
  all = $state.raw<readonly Toast[]>([]);
  #count = 0;

  success(text: string): void {
    this.#add('success', text, true);
  }

  info(text: string): void {
    this.#add('info', text, true);
  }

  /** An error, or a sentence about one. */
  error(error: unknown): void {
    this.#add('danger', typeof error === 'string' ? error : inShort(error), false);
  }

  close(id: number): void {
    this.all = this.all.filter((toast) => toast.id !== id);
  }

  #add(tone: Toast['tone'], text: string, passes: boolean): void {
    const id = ++this.#count;
    this.all = [...this.all.slice(-3), { id, tone, text }];
    if (passes) setTimeout(() => this.close(id), LASTS_MS);
  }
}

export const toast = new Toasts();
