import { hmacSha256 } from './sha256';

/**
 * The password of the long-term login `<project>@<AK>`: hex HMAC-SHA256(key = SK, message = AK). Browsers have no WebCrypto on
 * plain http addresses other than this machine's; the secret must not leave the page for that, so it is computed here then.
 */
export async function loginKey(accessKey: string, secretKey: string): Promise<string> {
  const text = new TextEncoder();
  const [key, message] = [text.encode(secretKey), text.encode(accessKey)];
  const { subtle } = globalThis.crypto as Partial<Crypto>;
  if (subtle === undefined) return hex(hmacSha256(key, message));
  const imported = await subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return hex(new Uint8Array(await subtle.sign('HMAC', imported, message)));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
