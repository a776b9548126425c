import { base64url } from '../base/base64url.ts';

/** Returns 32 random bytes as base64url. Uses Web Crypto, which Node and browsers share. */
export function randomSecret(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

/** Returns the S256 challenge of a code verifier. @see RFC 7636 section 4.2 */
export async function challengeOf(verifier: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  return base64url(new Uint8Array(digest));
}

/** Returns the proof that this client owns the flow of a key: the HMAC of the connection's nonce. */
export async function proofOf(key: string, nonce: string): Promise<string> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const imported = await crypto.subtle.importKey('raw', decode(key), algorithm, false, ['sign']);
  const proof = await crypto.subtle.sign('HMAC', imported, new TextEncoder().encode(nonce));
  return base64url(new Uint8Array(proof));
}

function decode(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) =>
    character.charCodeAt(0),
  );
}
