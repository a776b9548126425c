/** Web Crypto, which Node and browsers share. All results are base64url without padding. */
export function randomSecret(): string {
  return encode(crypto.getRandomValues(new Uint8Array(32)).buffer);
}

/** @see RFC 7636 section 4.2 */
export async function challengeOf(verifier: string): Promise<string> {
  return encode(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)));
}

/** Proves to a connection, by its nonce, that the flow of this key is ours. */
export async function proofOf(key: string, nonce: string): Promise<string> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const imported = await crypto.subtle.importKey('raw', decode(key), algorithm, false, ['sign']);
  return encode(await crypto.subtle.sign('HMAC', imported, new TextEncoder().encode(nonce)));
}

function encode(bytes: ArrayBuffer): string {
  // Spread, each byte would be an object of an iterator's.
  const characters = String.fromCharCode.apply(null, new Uint8Array(bytes) as unknown as number[]);
  // In one pass: a text that is only cut keeps the whole.
  return btoa(characters).replace(/\W/g, (character) =>
    character === '+' ? '-' : character === '/' ? '_' : '',
  );
}

function decode(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) =>
    character.charCodeAt(0),
  );
}
