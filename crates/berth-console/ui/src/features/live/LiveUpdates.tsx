import { onlineManager, type QueryClient, type QueryKey, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { basePath } from '../../api/base';
import { useSession } from '../../app/session';
import { keysOf, type LiveEvent } from './keys';
import { listen, type Told } from './stream';

/** What comes within this is read again at once, so that a burst of changes asks the server once. */
const GATHERED_MS = 250;
/** The least time between two such readings. */
const PAUSE_MS = 1500;
/** How long a stream may be away before anybody is told, and before the pages ask by themselves. */
const AWAY_MS = 4000;
const ASKED_EVERY_MS = 20_000;

/** Keeps the pages up to date: what changes is told by the registry, and what shows it is read again. */
export function LiveUpdates() {
  const queries = useQueryClient();
  const { user_id: user } = useSession();
  useEffect(() => {
    const updates = new Updates(queries);
    const stop = connect(user, (told) => updates.take(told));
    return () => {
      stop();
      updates.end();
    };
  }, [queries, user]);
  return null;
}

/** One stream for all tabs of a person, where the browser lets tabs share one. */
function connect(user: string, tell: (told: Told) => void): () => void {
  const address = `${location.origin}${basePath}/v2/manage/events`;
  if (typeof SharedWorker === 'undefined') return listen(address, tell);
  const worker = new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module', name: `${user} ${address}` });
  // A worker that cannot be loaded tells nothing: then this tab listens for itself.
  let stop: (() => void) | null = null;
  worker.addEventListener('error', () => {
    stop ??= listen(address, tell);
  });
  worker.port.addEventListener('message', (event: MessageEvent<Told>) => tell(event.data));
  worker.port.start();
  return () => {
    worker.port.close();
    stop?.();
  };
}

/** Gathers what became old, and reads it again; without a stream it asks now and then. */
class Updates {
  private readonly queries: QueryClient;
  /** `null`: everything. */
  private old: Map<string, QueryKey> | null = new Map();
  private reading: ReturnType<typeof setTimeout> | undefined;
  private away: ReturnType<typeof setTimeout> | undefined;
  private readAt = 0;

  constructor(queries: QueryClient) {
    this.queries = queries;
  }

  take(told: Told): void {
    if (told.kind === 'connected') this.connected(told.connected);
    else if (told.kind === 'reset') this.makeOld(null);
    else this.makeOld(keysOf(JSON.parse(told.data) as LiveEvent));
  }

  end(): void {
    clearTimeout(this.reading);
    clearTimeout(this.away);
  }

  private makeOld(keys: QueryKey[] | null): void {
    if (keys === null) this.old = null;
    for (const key of keys ?? []) this.old?.set(JSON.stringify(key), key);
    if (this.old !== null && this.old.size === 0) return;
    const pause = Math.max(GATHERED_MS, this.readAt + PAUSE_MS - Date.now());
    this.reading ??= setTimeout(() => this.read(), pause);
  }

  private read(): void {
    const old = this.old;
    this.old = new Map();
    this.reading = undefined;
    this.readAt = Date.now();
    if (old === null) void this.queries.invalidateQueries();
    else for (const queryKey of old.values()) void this.queries.invalidateQueries({ queryKey });
  }

  private connected(connected: boolean): void {
    if (!connected) {
      // Each failed attempt says so anew.
      this.away ??= setTimeout(() => void this.ask(), AWAY_MS);
      return;
    }
    clearTimeout(this.away);
    this.away = undefined;
    onlineManager.setOnline(true);
  }

  /** Whether the registry is away, or only its stream: then the pages are kept up by asking. */
  private async ask(): Promise<void> {
    const alive = await fetch(`${basePath}/v2/manage/sessions`, { cache: 'no-store', credentials: 'same-origin' }).then(
      (response) => response.status < 500,
      () => false,
    );
    onlineManager.setOnline(alive);
    if (alive) this.makeOld(null);
    this.away = setTimeout(() => void this.ask(), alive ? ASKED_EVERY_MS : AWAY_MS);
  }
}
