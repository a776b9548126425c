import { createHash, randomBytes } from 'node:crypto';

/** 256 random bits as 43 base64url characters: a state or a code verifier. @see RFC 7636 section 4.1 */
export function randomToken(): string {
  return randomBytes(32).toString('base64url');
}

/** @see RFC 7636 section 4.2 */
export function codeChallenge(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}
