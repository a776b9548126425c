import { randomBytes } from 'node:crypto';
import { sha256 } from './sha256.ts';

// For many tokens at a time: each draw leaves an object of Node's, which the collector has to look after.
let drawn = randomBytes(0);

/** Random bytes as base64url; 32 are the 43 characters of a state or a code verifier. @see RFC 7636 section 4.1 */
export function randomToken(bytes = 32): string {
  if (drawn.length < bytes) drawn = randomBytes(4_096);
  const token = drawn.toString('base64url', 0, bytes);
  // A secret stays with whoever asked for it.
  drawn.fill(0, 0, bytes);
  drawn = drawn.subarray(bytes);
  return token;
}

/** @see RFC 7636 section 4.2 */
export function codeChallenge(verifier: string): string {
  return sha256(verifier, 'base64url');
}
