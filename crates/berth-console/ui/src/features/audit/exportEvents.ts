import { type AuditFilter, type Event, readEvents } from './api';

/** Events that one file holds at most: what a browser and a spreadsheet still bear. */
export const EXPORT_MAX = 50_000;
const PAGE = 1000;

const COLUMNS = ['time', 'user_name', 'user_id', 'credential', 'source', 'action', 'resource', 'result', 'status', 'code', 'request_id'] as const;

/** Reads what is filtered page by page; `onRead` hears how many there are, `signal` ends it. Whether the bound cut it is told. */
export async function collect(
  filter: AuditFilter,
  onRead: (rows: number) => void,
  signal: AbortSignal,
  read: typeof readEvents = readEvents,
): Promise<{ rows: (string | number)[][]; cut: boolean }> {
  const rows: (string | number)[][] = [[...COLUMNS]];
  let marker: string | undefined;
  for (;;) {
    const page = await read(filter, marker, PAGE);
    signal.throwIfAborted();
    rows.push(...page.rows.slice(0, EXPORT_MAX - (rows.length - 1)).map(line));
    onRead(rows.length - 1);
    const more = page.next !== null && page.next !== undefined;
    if (!more) return { rows, cut: false };
    if (rows.length > EXPORT_MAX) return { rows, cut: true };
    marker = page.next ?? undefined;
  }
}

function line(event: Event): (string | number)[] {
  return COLUMNS.map((column) => event[column] ?? '');
}
