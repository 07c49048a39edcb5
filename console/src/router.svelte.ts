// Where one is: the path picks the page, the query holds its filters. Nothing personal ever goes into either: they stay in
// histories and logs. What people search for stays in the page.

/** The parameters of a path, such as `id` of `/users/:id`. */
export type Params = Readonly<Record<string, string>>;

/** The parameters of `path` if it fits `pattern`, in which `:name` stands for one part. */
export function match(pattern: string, path: string): Params | undefined {
  const want = pattern.split('/');
  const have = path.replace(/(.)\/$/, '$1').split('/');
  if (want.length !== have.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of want.entries()) {
    const given = have[index] ?? '';
    if (part.startsWith(':')) {
      if (given === '') return undefined;
      try {
        params[part.slice(1)] = decodeURIComponent(given);
      } catch {
        return undefined;
      }
    } else if (part !== given) return undefined;
  }
  return params;
}

type Change = Record<string, string | readonly string[] | undefined>;

/** A query with some parameters replaced; `undefined`, an empty text and an empty list take one away. */
export function changed(query: URLSearchParams, change: Change): URLSearchParams {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(change)) {
    next.delete(name);
    for (const one of typeof value === 'string' ? [value] : (value ?? [])) if (one !== '') next.append(name, one);
  }
  return next;
}

const browser = typeof location !== 'undefined';

class Router {
  #url = $state.raw(new URL(browser ? location.href : 'http://localhost/'));
  readonly path = $derived(this.#url.pathname);
  readonly query = $derived(this.#url.searchParams);
  /** Counts the pages gone to, not changes of their query. */
  visits = $state(0);
  /** Who has something unsaved on this page: is asked before one leaves it, and given what goes on. See `LeaveGuard`. */
  guard: ((leave: () => void) => void) | undefined;

  /** Goes to an address of the console. */
  go(to: string, { replace = false } = {}): void {
    const url = new URL(to, location.href);
    const samePage = url.pathname === this.path;
    if (!samePage && this.guard) {
      this.guard(() => {
        this.guard = undefined;
        this.go(to, { replace });
      });
      return;
    }
    if (url.href !== location.href) {
      if (replace) history.replaceState(null, '', url);
      else history.pushState(null, '', url);
    }
    this.#url = url;
    if (!samePage) this.#arrive();
  }

  /** Changes filters, without a new entry in the history for each. */
  setQuery(change: Change): void {
    const query = changed(this.query, change).toString();
    this.go(this.path + (query === '' ? '' : `?${query}`), { replace: true });
  }

  /** Takes what stands behind `#` out of the address: a token is not to stay there. */
  takeFragment(): string {
    const fragment = location.hash.slice(1);
    if (fragment !== '') history.replaceState(null, '', location.pathname + location.search);
    return fragment;
  }

  /** Follows the back button, and links of the console anywhere in the document. */
  listen(): void {
    addEventListener('popstate', () => {
      const samePage = location.pathname === this.path;
      if (!samePage && this.guard) {
        // The browser is there already: back here until it is decided.
        const wanted = location.href;
        history.pushState(null, '', this.#url);
        this.go(wanted);
        return;
      }
      this.#url = new URL(location.href);
      if (!samePage) this.visits += 1;
    });
    document.addEventListener('click', (event) => {
      const link = event.target instanceof Element ? event.target.closest('a') : null;
      const modified = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
      if (!link || modified || event.button !== 0 || event.defaultPrevented) return;
      if (link.origin !== location.origin || link.target !== '' || link.hasAttribute('download')) return;
      if (/^\/(v1|local)(\/|$)/.test(link.pathname) || link.getAttribute('href')?.startsWith('#')) return;
      event.preventDefault();
      this.go(link.href);
    });
  }

  #arrive(): void {
    this.visits += 1;
    scrollTo(0, 0);
  }
}

export const router = new Router();
