/** What is told of changes; also for a worker, so nothing of a page is used here. */
export type Told =
  /** Something changed: the data of an event. */
  | { kind: 'change'; data: string }
  /** Something may have been missed. */
  | { kind: 'reset' }
  /** Whether changes are told at the moment. */
  | { kind: 'connected'; connected: boolean };

/** The first pause before a stream is opened again that the server refused; each further one is longer. */
const PAUSE_MS = 2000;
const PAUSE_MAX_MS = 60_000;

/** Listens to the registry's events until the answered function is called. A stream that breaks is opened again, from the last event on. */
export function listen(address: string, tell: (told: Told) => void): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let refusals = 0;
  let last = '';
  const open = () => {
    const from = last === '' ? address : `${address}?last_event_id=${encodeURIComponent(last)}`;
    const stream = new EventSource(from);
    source = stream;
    const note = (event: MessageEvent) => {
      if (event.lastEventId !== '') last = event.lastEventId;
    };
    stream.addEventListener('ready', (event) => {
      note(event);
      refusals = 0;
      tell({ kind: 'connected', connected: true });
    });
    stream.addEventListener('reset', (event) => {
      note(event);
      refusals = 0;
      tell({ kind: 'connected', connected: true });
      tell({ kind: 'reset' });
    });
    stream.addEventListener('change', (event) => {
      note(event);
      tell({ kind: 'change', data: event.data as string });
    });
    stream.addEventListener('error', () => {
      tell({ kind: 'connected', connected: false });
      // A connection that broke is opened again by the browser; one that was refused is not.
      if (stream.readyState !== EventSource.CLOSED) return;
      const pause = Math.min(PAUSE_MS * 2 ** refusals, PAUSE_MAX_MS);
      refusals += 1;
      // Not all pages at once.
      timer = setTimeout(open, pause * (0.75 + Math.random() / 2));
    });
  };
  open();
  return () => {
    clearTimeout(timer);
    source?.close();
  };
}
