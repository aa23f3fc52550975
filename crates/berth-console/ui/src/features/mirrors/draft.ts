import { type Amount, amountOf, bytesOf } from '../quotas/BytesField';
import { isAddress } from '../settings/address';
import { type Login, loginOf, NO_LOGIN } from '../settings/LoginFields';
import type { Mirror } from './api';

/** A mirror as its form has it. */
export interface Draft {
  name: string;
  organization: string;
  registry: string;
  address: string;
  enabled: boolean;
  isPublic: boolean;
  login: Login;
  /** PEM, whole: what stands here replaces what is kept. */
  authority: string;
  /** Seconds; empty for the server's setting. */
  recheck: string;
  size: Amount;
  /** Patterns, one a line. */
  keep: string;
  prefetch: string;
}

/** The form of a mirror, or of one that is to be. */
export function draftOf(mirror: Mirror | undefined): Draft {
  const none = (value: number | undefined) => (value === undefined || value === 0 ? null : value);
  return {
    name: mirror?.name ?? '',
    organization: mirror?.namespace ?? '',
    registry: mirror?.registry ?? '',
    address: mirror?.url ?? '',
    enabled: mirror?.enabled ?? true,
    isPublic: mirror?.public ?? false,
    login: NO_LOGIN,
    authority: mirror?.certificate_authority ?? '',
    recheck: none(mirror?.recheck_seconds)?.toString() ?? '',
    size: amountOf(none(mirror?.bytes_max)),
    keep: (mirror?.keep ?? []).join('\n'),
    prefetch: (mirror?.prefetch ?? []).join('\n'),
  };
}

/** The seconds that were typed, zero for none; `undefined` for what the server refuses. */
export function recheckOf({ recheck }: Draft): number | undefined {
  if (recheck === '') return 0;
  const seconds = Number(recheck);
  return Number.isInteger(seconds) && seconds >= 1 && seconds <= 86_400 ? seconds : undefined;
}

/** The bytes that were typed, zero for no bound; `undefined` for what the server refuses. */
export function sizeOf({ size }: Draft): number | undefined {
  const bytes = bytesOf(size);
  if (bytes === null) return 0;
  return bytes !== undefined && bytes >= 1024 ** 2 ? bytes : undefined;
}

/** Whether it can be sent. */
export function isWhole(draft: Draft): boolean {
  const named = draft.name !== '' && draft.registry !== '' && draft.organization !== '';
  return named && (draft.address === '' || isAddress(draft.address)) && recheckOf(draft) !== undefined && sizeOf(draft) !== undefined;
}

const patterns = (text: string) => text.split('\n').map((line) => line.trim()).filter((line) => line !== '');

/** What the API is told of it. */
export function bodyOf(draft: Draft) {
  return {
    registry: draft.registry,
    ...(draft.address === '' ? {} : { url: draft.address }),
    ...loginOf(draft.login),
    enabled: draft.enabled,
    public: draft.isPublic,
    recheck_seconds: recheckOf(draft) ?? 0,
    bytes_max: sizeOf(draft) ?? 0,
    keep: patterns(draft.keep),
    prefetch: patterns(draft.prefetch),
    certificate_authority: draft.authority,
  };
}
