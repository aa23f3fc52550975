import { afterEach, expect, test, vi } from 'vitest';
import { loginKey } from './loginKey';
import { hmacSha256 } from './sha256';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));

afterEach(() => vi.unstubAllGlobals());

// RFC 4231, test cases 1, 2, 3, 6 and 7.
test.each([
  ['0b'.repeat(20), '4869205468657265', 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
  ['4a656665', '7768617420646f2079612077616e7420666f72206e6f7468696e673f', '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'],
  ['aa'.repeat(20), 'dd'.repeat(50), '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe'],
  [
    'aa'.repeat(131),
    '54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579204669727374',
    '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
  ],
  [
    'aa'.repeat(131),
    '5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b2d73697a65206b657920616e642061206c6172676572207468616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565647320746f20626520686173686564206265666f7265206265696e6720757365642062792074686520484d414320616c676f726974686d2e',
    '9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2',
  ],
])('HMAC-SHA256 is the one of RFC 4231', (key, message, expected) => {
  expect(hex(hmacSha256(bytes(key), bytes(message)))).toBe(expected);
});

test('the login key is the same with and without WebCrypto', async () => {
  // printf %s AK | openssl dgst -sha256 -hmac SK
  const expected = '668b72da7f962fbebf1ce5c4fda97e20b7f60dee67a3ac5e8de081d13ae94212';
  const browser = await loginKey('U5UR82GV4PCMLNE5SS1N', 'xh2ZMmLXiPT9V0b1kZy3y1kMZk4CHWxWTSgB4XfD');
  vi.stubGlobal('crypto', {});
  expect(await loginKey('U5UR82GV4PCMLNE5SS1N', 'xh2ZMmLXiPT9V0b1kZy3y1kMZk4CHWxWTSgB4XfD')).toBe(browser);
  expect(browser).toBe(expected);
});
