import { basePath } from '../../api/base';
import { proof } from '../../api/client';
import { ApiError, errorOf } from '../../api/errors';
import type { components } from '../../api/schema';

/** An upload as the server tells it. */
export type Upload = components['schemas']['ArchiveUpload'];

/** Sends a chunk of a file; `onSent` hears of its bytes on the way, which `fetch` does not tell. */
export function sendChunk(
  upload: Upload,
  chunk: Blob,
  { signal, onSent }: { signal: AbortSignal; onSent: (bytes: number) => void },
): Promise<Upload> {
  const { promise, resolve, reject } = promised<Upload>();
  const request = new XMLHttpRequest();
  const path = `/v2/manage/namespaces/${encodeURIComponent(upload.namespace)}/archives/${upload.id}/bytes`;
  request.open('PUT', `${basePath}${path}?offset=${upload.offset}`);
  request.setRequestHeader('Content-Type', 'application/octet-stream');
  const csrf = proof();
  if (csrf !== null) request.setRequestHeader('X-Csrf-Token', csrf);
  const abort = () => request.abort();
  signal.addEventListener('abort', abort, { once: true });
  request.upload.addEventListener('progress', (event) => onSent(event.loaded));
  request.addEventListener('load', () => {
    if (request.status === 200) resolve(JSON.parse(request.responseText) as Upload);
    else void errorOf(answer(request)).then(reject);
  });
  request.addEventListener('error', () => reject(new ApiError(0, 'offline', 'The registry cannot be reached.', '')));
  request.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
  request.addEventListener('loadend', () => signal.removeEventListener('abort', abort));
  request.send(chunk);
  return promise;
}

function answer(request: XMLHttpRequest): Response {
  const id = request.getResponseHeader('x-request-id');
  return new Response(request.responseText, { status: request.status, headers: id === null ? {} : { 'x-request-id': id } });
}

function promised<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** Whether the same request may succeed a little later. */
export function mayPass(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status === 408 || error.status === 429 || error.status >= 500);
}

/** After so many failures in a row: at once when the line is back, or when the time is over. */
export function pause(failures: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(go, Math.min(30_000, 1000 * 2 ** failures));
    function go() {
      clearTimeout(timer);
      window.removeEventListener('online', go);
      signal.removeEventListener('abort', go);
      resolve();
    }
    window.addEventListener('online', go);
    signal.addEventListener('abort', go);
  });
}
