import { expect, test } from 'vitest';
import type { Mirror } from './api';
import { bodyOf, draftOf, isWhole, recheckOf, sizeOf } from './draft';

const mirror: Mirror = {
  name: 'hub',
  namespace: 'hub',
  registry: 'docker.io',
  url: 'https://registry-1.docker.io',
  has_login: true,
  enabled: true,
  public: true,
  recheck_seconds: 300,
  bytes_max: 5_000_000_000,
  keep: ['library/*:latest'],
  prefetch: ['library/alpine:3.*', 'library/alpine:edge'],
  certificate_authority: '',
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
};

test('a form that nobody touched changes nothing, and leaves the login alone', () => {
  const { registry, url, enabled, recheck_seconds, bytes_max, keep, prefetch, certificate_authority } = mirror;
  expect(bodyOf(draftOf(mirror))).toEqual({ registry, url, enabled, public: true, recheck_seconds, bytes_max, keep, prefetch, certificate_authority });
});

test('what is left empty is none of its own', () => {
  const draft = { ...draftOf(mirror), recheck: '', size: { text: '', unit: 'GiB' as const }, keep: ' \n\n' };
  expect(bodyOf(draft)).toMatchObject({ recheck_seconds: 0, bytes_max: 0, keep: [] });
});

test('what the server refuses is not sent', () => {
  const draft = draftOf(mirror);
  expect(isWhole(draft)).toBe(true);
  for (const recheck of ['0', '-1', '1.5', '86401', 'often']) expect(recheckOf({ ...draft, recheck })).toBeUndefined();
  expect(sizeOf({ ...draft, size: { text: '0.5', unit: 'MiB' } })).toBeUndefined();
  expect(isWhole({ ...draft, recheck: '0' })).toBe(false);
  expect(isWhole({ ...draft, organization: '' })).toBe(false);
  expect(isWhole({ ...draft, address: 'registry-1.docker.io' })).toBe(false);
});
