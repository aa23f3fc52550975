import { expect, test } from 'vitest';
import { bytes, relative, shortDigest } from './format';

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [150 * 1024, '150 KiB'],
  [2.5 * 1024 ** 3, '2.5 GiB'],
])('%d bytes are %s', (count, text) => {
  expect(bytes(count)).toBe(text);
});

test.each([
  [-5, '5 seconds ago'],
  [-3600 * 3, '3 hours ago'],
  [86_400 * 2, 'in 2 days'],
])('%d seconds away is %s', (seconds, text) => {
  const now = Date.UTC(2026, 0, 1);
  expect(relative(now + seconds * 1000, now)).toBe(text);
});

test('the short form of a digest has no algorithm', () => {
  expect(shortDigest(`sha256:${'ab'.repeat(32)}`)).toBe('abababababab');
});
