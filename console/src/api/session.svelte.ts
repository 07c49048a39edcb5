// Who is signed in. The access token lives in this variable and nowhere else; the refresh token is in a cookie that no
// script sees. Tabs share the cookie, so they take turns refreshing, and tell each other what becomes of the session.
import { locale } from '../i18n';
import { ApiError, exchange, jsonRequest, refusal, type Schemas } from './http';

export type Permission = Schemas['Permission'];
export type Me = Schemas['Me'];
export type Company = Schemas['TenantChoice'];
type Opened = Schemas['Session'];

/** What one tab tells the others. */
type News = { kind: 'in'; tenant: string; user: string } | { kind: 'out' };

/** Says that there may be a cookie to go on with, so that the sign-in page need not ask. Holds nothing personal. */
const HINT = 'muster.session';
const LOCK = 'muster.session';

function hint(): boolean {
  try {
    return localStorage.getItem(HINT) !== null;
  } catch {
    return true;
  }
}

function setHint(on: boolean): void {
  try {
    if (on) localStorage.setItem(HINT, '1');
    else localStorage.removeItem(HINT);
  } catch {
    // Then every page load asks.
  }
}

async function read<T>(response: Response): Promise<T> {
  if (!response.ok) throw await refusal(response);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** One at a time over all tabs, where the browser can do that. */
async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  return 'locks' in navigator ? await navigator.locks.request(LOCK, work) : await work();
}

class Session {
  /** `starting` until it is known whether the session goes on. */
  state = $state<'starting' | 'in' | 'out'>('starting');
  /** The user who is signed in. */
  me = $state.raw<Me>();
  /** The companies that the person can go to, the present one among them. */
  companies = $state.raw<readonly Company[]>([]);
  /** The company signed in to. */
  company: Company | undefined = $derived(this.companies.find((company) => company.id === this.#opened?.tenant));
  /** Whether the session ended by itself, not by signing out. */
  lost = $state(false);
  /** Is called when the session ends: what was read in it is to be forgotten. */
  onEnd: () => void = () => {};

  #opened = $state.raw<Opened>();
  #refreshing: Promise<string> | undefined;
  #channel: BroadcastChannel | undefined;

  /** The access token, if there is one. */
  get token(): string | undefined {
    return this.#opened?.access_token;
  }

  /** Whether the caller may do this, for some users at least. The API decides; this only hides what it would refuse. */
  can(permission: Permission): boolean {
    return this.me?.permissions.includes(permission) ?? false;
  }

  /** Whether the caller is one of the company's own people, not of one of its customers'. */
  get staff(): boolean {
    return this.me !== undefined && !this.me.account;
  }

  /** Goes on with the session of the cookie, if there is one. */
  async start(): Promise<void> {
    this.#listen();
    if (!hint()) {
      this.state = 'out';
      return;
    }
    this.state = 'starting';
    try {
      await this.refresh();
      await this.#enter();
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error;
    }
  }

  /** Signs in; answers the companies to choose from if that is left open. */
  async signIn(login: string, password: string, tenant?: string): Promise<readonly Company[]> {
    const form = { login, password, refresh: 'cookie', ...(tenant === undefined ? {} : { tenant }) };
    const answer = await inTurn(async () =>
      read<Schemas['SignedIn']>(await exchange(jsonRequest('POST', '/v1/sessions', form))),
    );
    if ('tenants' in answer) return answer.tenants;
    await this.#begin(answer);
    return [];
  }

  /** Goes on in another company; everything is loaded anew, so that nothing of the present one stays in sight. */
  async switchTo(tenant: string): Promise<void> {
    const form = { tenant, refresh: 'cookie' };
    const request = (token: string) => jsonRequest('POST', '/v1/sessions/switch', form, token);
    const opened = await read<Opened>(
      await inTurn(() => this.#asCaller(request, () => this.#refresh())),
    );
    this.#tell({ kind: 'in', tenant: opened.tenant, user: opened.user });
    location.assign('/');
  }

  /** Signs out, in all tabs. While Muster cannot be reached one stays signed in, and is told so by the error. */
  async signOut(): Promise<void> {
    const request = (token: string) => jsonRequest('DELETE', '/v1/sessions/current', undefined, token);
    try {
      await read<undefined>(await inTurn(() => this.#asCaller(request, () => this.#refresh())));
    } catch (error) {
      // Over is over.
      if (!(error instanceof ApiError && error.status === 401)) throw error;
    }
    this.#tell({ kind: 'out' });
    this.#end(false);
  }

  /** A new access token, bought with the cookie. However many ask at once, one request is made. */
  refresh(): Promise<string> {
    this.#refreshing ??= inTurn(() => this.#refresh()).finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Reads the caller anew, for after a change of their own entry. */
  async reload(): Promise<void> {
    const request = (token: string) => jsonRequest('GET', '/v1/me', undefined, token);
    this.me = await read<Me>(await this.#asCaller(request));
    locale.suggest(this.me.locale);
  }

  async #refresh(): Promise<string> {
    const response = await exchange(jsonRequest('POST', '/v1/sessions/refresh', {}));
    if (response.status === 401) {
      this.#tell({ kind: 'out' });
      this.#end(true);
    }
    const opened = await read<Opened>(response);
    if (this.#opened && this.#isOther(opened)) location.assign('/');
    this.#opened = opened;
    setHint(true);
    return opened.access_token;
  }

  async #begin(opened: Opened): Promise<void> {
    this.#opened = opened;
    setHint(true);
    await this.#enter();
    this.#tell({ kind: 'in', tenant: opened.tenant, user: opened.user });
  }

  async #enter(): Promise<void> {
    // Pages go by who it is; what the company is called may be told later.
    await Promise.all([this.reload().then(() => this.#entered()), this.#readCompanies()]);
  }

  #entered(): void {
    this.lost = false;
    this.state = 'in';
  }

  async #readCompanies(): Promise<void> {
    const request = (token: string) => jsonRequest('GET', '/v1/sessions/tenants', undefined, token);
    this.companies = (await read<Schemas['TenantChoices']>(await this.#asCaller(request))).tenants;
  }

  /** Sends a request with the access token; with a fresh one if it has ended. Whoever has the turn refreshes within it. */
  async #asCaller(request: (token: string) => Request, refresh = () => this.refresh()): Promise<Response> {
    const response = await exchange(request(this.token ?? ''));
    return response.status === 401 ? exchange(request(await refresh())) : response;
  }

  #end(lost: boolean): void {
    const was = this.state;
    setHint(false);
    this.#opened = undefined;
    this.me = undefined;
    this.companies = [];
    this.lost = lost && was === 'in';
    this.state = 'out';
    this.onEnd();
  }

  #isOther(opened: { tenant: string; user: string }): boolean {
    return this.#opened?.tenant !== opened.tenant || this.#opened.user !== opened.user;
  }

  #tell(news: News): void {
    this.#channel?.postMessage(news);
  }

  #listen(): void {
    if (this.#channel || !('BroadcastChannel' in globalThis)) return;
    this.#channel = new BroadcastChannel('muster.session');
    this.#channel.onmessage = ({ data }: MessageEvent<News>) => {
      if (data.kind === 'out' && this.state !== 'out') this.#end(true);
      // Another company, or another person: nothing of the former one may stay on the screen.
      if (data.kind === 'in' && this.#isOther(data)) location.assign('/');
    };
  }
}

export const session = new Session();

/** Whether the caller may do this; see `Session.can`. */
export const can = (permission: Permission): boolean => session.can(permission);
