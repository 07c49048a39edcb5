// A local stack of the tests' own: the real functions, a browser away.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What `--ready-file` says. */
interface Ready {
  url: string;
}

/** A mail as the inbox shows it. */
export interface Mail {
  to: string[];
  subject: string;
  text: string;
  links: string[];
}

type Json = Record<string, unknown>;

/** Everybody's password. */
export const PASSWORD = 'correct horse battery staple';

const BINARY = process.env['MUSTER_LOCAL'] ?? '../target/debug/muster-local';
const PATIENCE_MS = 30_000;
/** An access token is good for 15 minutes. */
const TOKEN_KEPT_MS = 14 * 60_000;

/** Asks until there is something. */
async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited in vain for ${what}`);
}

export class Stack {
  readonly url: string;
  readonly #process: ChildProcess;
  #companies = 0;
  #moved = 0;

  private constructor(process: ChildProcess, ready: Ready) {
    this.#process = process;
    this.url = ready.url;
  }

  /** Starts the stack on a free port; `MUSTER_LOCAL` names its binary. */
  static async start(): Promise<Stack> {
    const folder = mkdtempSync(join(tmpdir(), 'muster-e2e-'));
    const file = join(folder, 'ready.json');
    const options = ['--memory', '--no-demo', '--listen', '127.0.0.1:0', '--ready-file', file, '--console', 'dist'];
    const process = spawn(BINARY, options, { stdio: ['ignore', 'ignore', 'inherit'] });
    let gone = false;
    process.once('error', (error) => console.error(`${BINARY}: ${error.message}`));
    process.once('close', () => (gone = true));
    try {
      const ready = await until('the stack', () => {
        if (gone) throw new Error(`${BINARY} does not start; build it with cargo, or name it in MUSTER_LOCAL`);
        return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Ready) : undefined;
      });
      return new Stack(process, ready);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#process.once('close', resolve));
    this.#process.kill();
    await gone;
  }

  /** POSTs JSON; the answer, which must be a success. */
  async post(path: string, body: Json, token?: string): Promise<Json> {
    const headers = { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) };
    const answer = await fetch(this.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${text}`);
    return text === '' ? {} : (JSON.parse(text) as Json);
  }

  /** The newest mail to an address, once there are `count` of them. */
  async mail(to: string, count = 1): Promise<Mail> {
    return until(`mail ${count} to ${to}`, async () => {
      const answer = await fetch(`${this.url}/local/inbox.json?to=${encodeURIComponent(to)}`);
      const mails = (await answer.json()) as Mail[];
      return mails.length >= count ? mails.at(-1) : undefined;
    });
  }

  /** The link of the newest mail that leads to one of the console's pages. */
  async link(to: string, page: 'activate' | 'reset' | 'email', count = 1): Promise<string> {
    const mail = await this.mail(to, count);
    const link = mail.links.find((one) => one.startsWith(`${this.url}/${page}#`));
    if (!link) throw new Error(`no link to /${page} in ${mail.text}`);
    return link;
  }

  /** What time it is there. */
  get now(): number {
    return Date.now() + this.#moved * 1_000;
  }

  /** Lets time pass. */
  async wait(seconds: number): Promise<void> {
    await this.post('/local/clock', { advance_seconds: seconds });
    this.#moved += seconds;
  }

  /** A new company, as support sets it up: its owner has a mail, and has not activated yet. */
  async provision(name: string, owner: { email: string; first_name: string; last_name: string }): Promise<Company> {
    const links = [
      { label: 'Google Play', url: 'https://play.example/app' },
      { label: 'App Store', url: 'https://apps.example/app' },
    ];
    const order = {
      operation: 'provision',
      reference: owner.email,
      name,
      owner,
      products: [
        { name: 'CoPilot Truck with ActiveTraffic', seats: 50, links },
        { name: 'MileOn', seats: 10, links },
      ],
    };
    const { tenant, products } = await this.post('/local/support', order);
    return new Company(this, String(tenant), owner.email, (products as Json[]).map((product) => String(product['id'])));
  }

  /** A new company with an owner, who has activated. */
  async company(name: string): Promise<Company> {
    const username = `olga${++this.#companies}`;
    const email = `${username}@northwind.example`;
    const company = await this.provision(name, { email, first_name: 'Olga', last_name: 'Owner' });
    await this.activate(email, username);
    return company;
  }

  /** Follows the newest activation link past the page. */
  async activate(email: string, username: string, count = 1): Promise<void> {
    const token = (await this.link(email, 'activate', count)).split('#')[1];
    await this.post('/v1/activations', { token, username, password: PASSWORD });
  }

  /** An access token. */
  async token(login: string, tenant?: string): Promise<string> {
    const form = { login, password: PASSWORD, ...(tenant ? { tenant } : {}) };
    return String((await this.post('/v1/sessions', form))['access_token']);
  }
}

export class Company {
  readonly stack: Stack;
  readonly id: string;
  /** The owner's address. */
  readonly owner: string;
  /** The ids of its two products, by name. */
  readonly products: readonly string[];
  #token: { value: string; until: number } | undefined;

  constructor(stack: Stack, id: string, owner: string, products: readonly string[]) {
    this.stack = stack;
    this.id = id;
    this.owner = owner;
    this.products = products;
  }

  /** The owner's access token: kept, as one who signs in for every call has to wait before long. */
  async token(): Promise<string> {
    if (!this.#token || this.#token.until < this.stack.now) {
      const until = this.stack.now + TOKEN_KEPT_MS;
      this.#token = { value: await this.stack.token(this.owner, this.id), until };
    }
    return this.#token.value;
  }

  /** POSTs as the owner. */
  async post(path: string, body: Json): Promise<Json> {
    return this.stack.post(path, body, await this.token());
  }

  /** Adds a user as the owner; its id. */
  async add(form: Json): Promise<string> {
    return String((await this.post('/v1/users', form))['id']);
  }
}
