// The typed client of the API: paths, parameters and bodies are those of openapi.json.
import createClient from 'openapi-fetch';
import { exchange, refusal } from './http';
import { Keys } from './keys';
import type { paths } from './schema';
import { session } from './session.svelte';

/** How often, and how long apart, a request is asked after that is still being carried out. */
const ASKED_AGAIN = 5;
const APART_MS = 2_000;

const keys = new Keys();

/** Sends a request with all that it needs; what is no success is thrown, see `http.ts`. */
async function send(request: Request): Promise<Response> {
  const key = request.method === 'POST' ? await keys.of(request) : undefined;
  if (key !== undefined) request.headers.set('idempotency-key', key.value);
  const response = await asCaller(request, ASKED_AGAIN);
  const refused = response.ok ? undefined : await refusal(response);
  // What may have been done, or be done still, can be sent again as the same request.
  const open = refused !== undefined && (refused.status >= 500 || refused.code === 'request_in_progress');
  if (!open) key?.done();
  if (refused !== undefined) throw refused;
  return response;
}

async function asCaller(request: Request, tries: number): Promise<Response> {
  const attempt = (token: string | undefined) => {
    const copy = request.clone();
    if (token !== undefined) copy.headers.set('authorization', `Bearer ${token}`);
    return exchange(copy);
  };
  const token = session.token;
  let response = await attempt(token);
  if (response.status === 401 && token !== undefined) {
    // Another request may have renewed it meanwhile.
    const present = session.token;
    response = await attempt(present !== undefined && present !== token ? present : await session.refresh());
  }
  if (response.status === 409 && tries > 0 && (await refusal(response)).code === 'request_in_progress') {
    await new Promise((resolve) => setTimeout(resolve, APART_MS));
    return asCaller(request, tries - 1);
  }
  return response;
}

/** `api.GET('/v1/users/{id}', { params: { path: { id } } })`; wrap it in `ok` to get the body. */
export const api = createClient<paths>({
  baseUrl: typeof location === 'undefined' ? '' : location.origin,
  fetch: send,
});

/** The body of a successful answer; anything else is thrown as `ApiError` or `Unreachable`. */
export async function ok<T>(call: Promise<{ data?: T }>): Promise<Exclude<T, undefined>> {
  const { data } = await call;
  return data as Exclude<T, undefined>;
}

/** The header that names the version an edit was made from. */
export const ifMatch = (version: number): { 'If-Match': string } => ({ 'If-Match': `"${version}"` });
