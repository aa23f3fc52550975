import createClient from 'openapi-fetch';
import { basePath } from './base';
import { ApiError, errorOf } from './errors';
import type { paths } from './schema';

/** What unsafe requests of a session carry; the session itself is a cookie that no script reads. */
let forgeryProof: string | null = null;

/** Notes the proof of the session that the page now has. */
export function rememberProof(proof: string | null): void {
  forgeryProof = proof;
}

/** The proof of the session, for requests that are sent in another way because they tell how far they are. */
export function proof(): string | null {
  return forgeryProof;
}

/** Asks the person to sign in again; resolves when they did, rejects when they would not. The shell sets it. */
let signInAgain: (() => Promise<void>) | null = null;

/** Sets who is asked when a session has ended in the middle of something. */
export function onSessionLost(ask: (() => Promise<void>) | null): void {
  signInAgain = ask;
}

async function send(request: Request): Promise<Response> {
  const safe = request.method === 'GET' || request.method === 'HEAD';
  const headers = new Headers(request.headers);
  if (!safe && forgeryProof !== null) headers.set('X-Csrf-Token', forgeryProof);
  try {
    return await fetch(new Request(request, { headers, credentials: 'same-origin' }));
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw new ApiError(0, 'offline', 'The registry cannot be reached.', '');
  }
}

/** One request of the session, with its proof; a session that ended is renewed by its person and the request repeated. */
export async function sessionFetch(request: Request): Promise<Response> {
  const again = request.clone();
  const response = await send(request);
  const aboutSession = new URL(request.url).pathname.endsWith('/v2/manage/sessions');
  // Who never signed in has lost no session: the page says what is not for everybody.
  const nobody = forgeryProof === null;
  if (response.status !== 401 || aboutSession || nobody || signInAgain === null) return response;
  await signInAgain();
  return send(again);
}

const client = createClient<paths>({
  baseUrl: location.origin + basePath,
  fetch: sessionFetch,
});

// Every refusal becomes an `ApiError`, so that `data` is there whenever a call returns.
client.use({
  async onResponse({ response }) {
    if (!response.ok) throw await errorOf(response);
    return undefined;
  },
});

/** The management API with the types of its own document. Calls throw `ApiError`; use `data(...)` for the body. */
export const api = client;

/** The body of an answer; an operation without one answers `undefined`. */
export async function data<T>(call: Promise<{ data?: T }>): Promise<T> {
  return (await call).data as T;
}

/** The name of an image in a path of the API, which has `$` where the name has `/`. */
export function inPath(repository: string): string {
  return repository.replaceAll('/', '$');
}
