import { api, data } from '../../api/client';
import type { components } from '../../api/schema';

/** Something that somebody did, or was refused. */
export type Event = components['schemas']['AuditEntry'];

/** Which events are wanted; times as an input of the browser has them (`2026-05-01T10:00`, in the reader's zone). */
export interface AuditFilter {
  user?: string | undefined;
  action?: string | undefined;
  resource?: string | undefined;
  result?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

/** The fields of a filter, which are those of the address too. */
export const FIELDS = ['user', 'action', 'resource', 'result', 'from', 'to'] as const;

/** Events of a page, newest first. */
export async function readEvents(filter: AuditFilter, marker: string | undefined, limit = 100) {
  const query: Record<string, string | number> = { limit };
  for (const field of FIELDS) {
    const value = filter[field]?.trim() ?? '';
    if (value === '') continue;
    query[field] = field === 'from' || field === 'to' ? instant(value) : value;
  }
  if (marker !== undefined) query['marker'] = marker;
  const page = await data(api.GET('/v2/manage/audit-events', { params: { query } }));
  return { rows: page.events, next: page.nextMarker };
}

/** A local time as the API wants it; what is no time is sent as it is, and refused with the reason. */
export function instant(local: string): string {
  const time = new Date(local);
  return Number.isNaN(time.getTime()) ? local : time.toISOString();
}
