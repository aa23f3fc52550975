import { useSyncExternalStore } from 'react';
import { api, data } from '../../api/client';
import { ApiError } from '../../api/errors';
import { queryClient } from '../../app/queries';
import { type Contents, fingerprint, readArchive } from './archive';
import { mayPass, pause, sendChunk, type Upload } from './send';

/** Where an upload is, as far as this page has to do with it. */
export type Phase =
  /** Its headers are read, and the server is asked whether it may come. */
  | 'reading'
  | 'waiting'
  | 'sending'
  /** The line is down; it goes on by itself. */
  | 'offline'
  | 'paused'
  /** The page was loaded anew: the file has to be chosen again. */
  | 'detached'
  /** The server checks and stores. */
  | 'server'
  | 'ended'
  /** It was refused; `error` says why. */
  | 'refused';

/** A file on its way, or one that was. */
export interface Item {
  key: string;
  file: File | null;
  name: string;
  size: number;
  organization: string;
  phase: Phase;
  contents: Contents | null;
  upload: Upload | null;
  /** Bytes that left this page. */
  sent: number;
  /** Bytes in a second, smoothed; 0 when not known. */
  speed: number;
  error: Error | null;
}

/** What a file is to become, in place of what it says itself. */
export interface Answer {
  repository?: string;
  tag?: string;
  overwrite: boolean;
}

/** What a file waits for before anything is sent or stored; nothing when it can go on. */
export function question(item: Item): 'name' | 'overwrite' | null {
  const upload = item.upload;
  if (upload === null || upload.state === 'done' || upload.state === 'failed') return null;
  if (upload.questions.includes('name')) return 'name';
  if (upload.questions.includes('overwrite')) return 'overwrite';
  const nameless = item.contents?.kind === 'images' && item.contents.references.length === 0;
  if (upload.state === 'receiving' && nameless && upload.repository === null) return 'name';
  const taken = upload.images.some((image) => image.targets.some((target) => target.current_digest !== null));
  return upload.state === 'receiving' && taken && !upload.overwrite ? 'overwrite' : null;
}

let items: Item[] = [];
const listeners = new Set<() => void>();
const running = new Map<string, AbortController>();
let next = 0;
let pumping = false;
let polling: ReturnType<typeof setInterval> | null = null;

function publish(changed: Item[]): void {
  items = changed;
  for (const listener of listeners) listener();
}

function find(key: string): Item | undefined {
  return items.find((item) => item.key === key);
}

function change(key: string, changes: Partial<Item>): void {
  publish(items.map((item) => (item.key === key ? { ...item, ...changes } : item)));
}

/** The uploads of this page and of the server, oldest first. */
export function useUploads(): Item[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => items,
  );
}

/** Whether leaving the page would interrupt something. */
export function isSending(): boolean {
  return items.some((item) => item.phase === 'sending' || item.phase === 'waiting' || item.phase === 'offline');
}

/** Takes files for an organization; one that was interrupted goes on where it stopped. */
export async function add(files: File[], organization: string): Promise<void> {
  await Promise.all(
    files.map(async (file) => {
      const print = await fingerprint(file).catch(() => '');
      const before = items.find(
        (item) => item.phase === 'detached' && item.size === file.size && item.upload?.fingerprint === print && item.organization === organization,
      );
      if (before !== undefined) return attach(before.key, file);
      const key = `upload-${(next += 1)}`;
      const item: Item = { key, file, name: file.name, size: file.size, organization, phase: 'reading', contents: null, upload: null, sent: 0, speed: 0, error: null };
      publish([...items, item]);
      return begin(item, file, print);
    }),
  );
}

async function begin(item: Item, file: File, print: string): Promise<void> {
  try {
    const contents = await readArchive(file);
    change(item.key, { contents });
    if (contents.kind === 'broken') throw new ApiError(400, FORMAT, '', '');
    const body = { file_name: file.name, size: file.size, fingerprint: print, references: contents.references.slice(0, 100) };
    const params = { path: { namespace: item.organization } };
    const upload = await data(api.POST('/v2/manage/namespaces/{namespace}/archives', { params, body }));
    if (find(item.key) === undefined) {
      await forget(upload);
      return;
    }
    change(item.key, { upload, phase: 'waiting' });
    void pump();
  } catch (error) {
    change(item.key, { phase: 'refused', error: asError(error) });
  }
}

/** The code of a file that is no archive of images. */
export const FORMAT = 'SVCSTG.SWR.4000150';

/** Goes on with an upload whose file was chosen again. */
export async function attach(key: string, file: File): Promise<boolean> {
  const item = find(key);
  if (item?.upload == null) return false;
  if (file.size !== item.size || (await fingerprint(file)) !== item.upload.fingerprint) return false;
  change(key, { file, phase: 'waiting', contents: await readArchive(file), sent: item.upload.offset });
  void pump();
  return true;
}

/** Stops sending; what came is kept. */
export function hold(key: string): void {
  change(key, { phase: 'paused', speed: 0 });
  running.get(key)?.abort();
}

/** Goes on sending. */
export function go(key: string): void {
  change(key, { phase: 'waiting', error: null });
  void pump();
}

/** Ends an upload, here and on the server. */
export async function cancel(key: string): Promise<void> {
  const item = find(key);
  publish(items.filter((other) => other.key !== key));
  running.get(key)?.abort();
  if (item?.upload != null) await forget(item.upload);
}

async function forget(upload: Upload): Promise<void> {
  const params = { path: { namespace: upload.namespace, archive_id: upload.id } };
  try {
    await api.DELETE('/v2/manage/namespaces/{namespace}/archives/{archive_id}', { params });
  } catch (error) {
    // Gone is what it was to be; whatever else is left the server sweeps.
    if (!(error instanceof ApiError)) throw error;
  }
}

/** Says what an upload is to become. */
export async function answer(key: string, said: Answer): Promise<void> {
  const item = find(key);
  if (item?.upload == null) return;
  const params = { path: { namespace: item.organization, archive_id: item.upload.id } };
  const body = { repository: said.repository ?? item.upload.repository, tag: said.tag ?? item.upload.tag, overwrite: said.overwrite };
  const upload = await data(api.PATCH('/v2/manage/namespaces/{namespace}/archives/{archive_id}', { params, body }));
  const phase = upload.state === 'receiving' ? (item.phase === 'detached' ? 'detached' : 'waiting') : 'server';
  change(key, { upload, phase, error: null });
  void pump();
  watch();
}

/** Reads which uploads the server has of this person, those of other pages too. */
export async function restore(): Promise<void> {
  const page = await data(api.GET('/v2/manage/archives', { params: { query: { limit: 100 } } }));
  const known = new Set(items.map((item) => item.upload?.id));
  const others = page.uploads.filter((upload) => !known.has(upload.id)).toReversed();
  const found = others.map((upload): Item => {
    const phase = phaseOf(upload);
    return { key: `upload-${(next += 1)}`, file: null, name: upload.file_name, size: upload.size, organization: upload.namespace, phase, contents: null, upload, sent: upload.offset, speed: 0, error: null };
  });
  if (found.length > 0) publish([...found, ...items]);
  watch();
}

/** Forgets everything: somebody else signs in. */
export function reset(): void {
  for (const controller of running.values()) controller.abort();
  publish([]);
}

function phaseOf(upload: Upload): Phase {
  if (upload.state === 'receiving') return 'detached';
  return upload.state === 'done' || upload.state === 'failed' ? 'ended' : 'server';
}

/** Sends one file after another, as they were added. */
async function pump(): Promise<void> {
  if (pumping) return;
  pumping = true;
  try {
    for (;;) {
      const item = items.find((one) => one.phase === 'waiting' && question(one) === null);
      if (item === undefined) return;
      await send(item.key);
    }
  } finally {
    pumping = false;
  }
}

async function send(key: string): Promise<void> {
  const controller = new AbortController();
  running.set(key, controller);
  let failures = 0;
  for (;;) {
    const item = find(key);
    if (item?.upload == null || item.file === null || item.phase === 'paused' || controller.signal.aborted) break;
    const upload = item.upload;
    if (upload.state !== 'receiving') {
      change(key, { phase: phaseOf(upload), speed: 0 });
      watch();
      break;
    }
    // What the server found on the way may need an answer first.
    if (question(item) !== null) {
      change(key, { phase: 'waiting', speed: 0 });
      break;
    }
    try {
      change(key, { phase: 'sending' });
      const chunk = item.file.slice(upload.offset, upload.offset + upload.chunk_size);
      const told = await sendChunk(upload, chunk, { signal: controller.signal, onSent: meter(key, upload.offset) });
      failures = 0;
      change(key, { upload: told, sent: told.offset });
    } catch (error) {
      if (controller.signal.aborted) break;
      if (!(await recover(key, error, failures, controller.signal))) break;
      failures += 1;
    }
  }
  running.delete(key);
}

/** What follows from a chunk that did not arrive; whether to go on. */
async function recover(key: string, error: unknown, failures: number, signal: AbortSignal): Promise<boolean> {
  if (mayPass(error)) {
    change(key, { phase: 'offline', speed: 0 });
    await pause(failures, signal);
    if (signal.aborted) return false;
  }
  const elsewhere = error instanceof ApiError && (error.status === 416 || error.status === 401);
  if (!mayPass(error) && !elsewhere) {
    change(key, { phase: 'refused', error: asError(error), speed: 0 });
    return false;
  }
  // A chunk may have arrived although its answer did not.
  await refresh(key).catch(() => undefined);
  return true;
}

/** Notes how far a chunk is, and how fast. */
function meter(key: string, offset: number): (bytes: number) => void {
  let before = { at: performance.now(), bytes: 0 };
  return (bytes) => {
    const item = find(key);
    const at = performance.now();
    if (item === undefined || at - before.at < 100) return;
    const rate = ((bytes - before.bytes) * 1000) / (at - before.at);
    before = { at, bytes };
    change(key, { sent: Math.max(item.sent, offset + bytes), speed: item.speed === 0 ? rate : item.speed * 0.8 + rate * 0.2 });
  };
}

async function refresh(key: string): Promise<void> {
  const item = find(key);
  if (item?.upload == null) return;
  const params = { path: { namespace: item.organization, archive_id: item.upload.id } };
  const upload = await data(api.GET('/v2/manage/namespaces/{namespace}/archives/{archive_id}', { params }));
  change(key, { upload, sent: upload.state === 'receiving' ? upload.offset : item.size });
}

/** Looks every second at what the server works on. */
function watch(): void {
  polling ??= setInterval(() => void look(), 1000);
}

async function look(): Promise<void> {
  const open = items.filter((item) => item.phase === 'server' && question(item) === null);
  if (open.length === 0 && polling !== null) {
    clearInterval(polling);
    polling = null;
    return;
  }
  for (const item of open) {
    await refresh(item.key).catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404) change(item.key, { phase: 'refused', error });
    });
    const now = find(item.key)?.upload;
    if (now?.state === 'done' || now?.state === 'failed') {
      change(item.key, { phase: 'ended' });
      for (const queryKey of [['images'], ['image'], ['tags'], ['organizations'], ['organization'], ['dashboard'], ['uploads']]) {
        void queryClient.invalidateQueries({ queryKey });
      }
    }
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
