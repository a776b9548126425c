import { createHash, randomBytes } from 'node:crypto';

/** Random bytes as base64url; 32 are the 43 characters of a state or a code verifier. @see RFC 7636 section 4.1 */
export function randomToken(bytes = 32): string {
  return randomBytes(bytes).toString('base64url');
}

/** @see RFC 7636 section 4.2 */
export function codeChallenge(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}
