// Which branches of the tree are open, and how the arrow keys move in it.
import { SvelteSet } from 'svelte/reactivity';

export class Tree {
  /** The ids of the accounts whose sub-accounts are shown. */
  readonly open = new SvelteSet<string>();

  toggle(id: string, on = !this.open.has(id)): void {
    if (on) this.open.add(id);
    else this.open.delete(id);
  }

  /** Up and down through what is in sight; right opens, then goes in; left closes, then goes out. */
  moved(event: KeyboardEvent, root: HTMLElement): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const links = [...root.querySelectorAll<HTMLElement>('a[data-account]')];
    const item = (event.target as Element).closest('li');
    const link = item?.querySelector<HTMLElement>('a[data-account]');
    const now = link ? links.indexOf(link) : -1;
    if (!item || !link || now < 0) return;
    const id = link.dataset['account'] ?? '';
    const expandable = link.dataset['expandable'] === 'true';
    const isOpen = this.open.has(id);
    let to: HTMLElement | null | undefined;
    switch (event.key) {
      case 'ArrowDown':
        to = links[now + 1];
        break;
      case 'ArrowUp':
        to = links[now - 1];
        break;
      case 'Home':
        to = links[0];
        break;
      case 'End':
        to = links.at(-1);
        break;
      case 'ArrowRight':
        if (expandable && !isOpen) this.toggle(id, true);
        else to = item.querySelector<HTMLElement>(':scope ul a[data-account]');
        break;
      case 'ArrowLeft':
        if (expandable && isOpen) this.toggle(id, false);
        else to = item.parentElement?.closest('li')?.querySelector<HTMLElement>('a[data-account]');
        break;
      default:
        return;
    }
    event.preventDefault();
    to?.focus();
  }
}
