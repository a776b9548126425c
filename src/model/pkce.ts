import { sha256 } from '../base/sha256.ts';

/** Computes the S256 code challenge of a code verifier. @see RFC 7636 section 4.2 */
export function codeChallenge(verifier: string): string {
  return sha256(verifier, 'base64url');
}
