// The lowest layer of talking to the API: what can go wrong becomes a typed error, nothing waits for ever.
import type { components } from './schema';

export type Schemas = components['schemas'];
/** The stable codes of problems. */
export type Code = Schemas['Problem']['code'];
/** One faulty field of a form. */
export type FieldFault = Schemas['FieldError'];

/** How long an answer may take; the gateway itself gives up after 30 s. */
const PATIENCE_MS = 35_000;

/** The API says no, in the form of RFC 9457. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: Code;
  /** Every faulty field, if that is what is wrong. */
  readonly fields: readonly FieldFault[];
  /** Seconds until it may be tried again. */
  readonly retryAfter: number | undefined;
  /** The present version, where an edit was made from another one. */
  readonly version: number | undefined;

  constructor(problem: Schemas['Problem'], retryAfter?: number) {
    super(problem.detail);
    this.status = problem.status;
    this.code = problem.code;
    this.fields = problem.errors ?? [];
    this.retryAfter = retryAfter;
    this.version = problem.version ?? undefined;
  }
}

/** No answer came: whether the request was carried out is not known. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
  readonly timedOut: boolean;

  constructor(timedOut: boolean) {
    super(timedOut ? 'no answer in time' : 'no connection');
    this.timedOut = timedOut;
  }
}

/** Sends a request; any answer counts, whatever it says. */
export async function exchange(request: Request): Promise<Response> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  try {
    return await fetch(request, {
      signal: AbortSignal.any([request.signal, patience]),
      credentials: 'same-origin',
      referrerPolicy: 'no-referrer',
      cache: 'no-store',
    });
  } catch (error) {
    // Whoever aborts a request wants no error of it.
    if (request.signal.aborted) throw error;
    throw new Unreachable(patience.aborted);
  }
}

/** The error that an answer stands for. */
export async function refusal(response: Response): Promise<ApiError> {
  const wait = Number(response.headers.get('retry-after'));
  const retryAfter = wait > 0 ? wait : undefined;
  try {
    const problem: unknown = await response.clone().json();
    if (typeof problem === 'object' && problem !== null && 'code' in problem) {
      return new ApiError({ ...(problem as Schemas['Problem']), status: response.status }, retryAfter);
    }
  } catch {
    // Not ours: something between here and the API answered.
  }
  const code = response.status === 429 ? 'too_many_requests' : 'internal';
  return new ApiError({ status: response.status, code, title: '', detail: response.statusText }, retryAfter);
}

/** A request with a JSON body to a path of ours. */
export function jsonRequest(method: string, path: string, body?: unknown, token?: string): Request {
  const headers = new Headers({ accept: 'application/json' });
  if (body !== undefined) headers.set('content-type', 'application/json');
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
  return new Request(new URL(path, location.origin), {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}
