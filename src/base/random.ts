import { randomBytes } from 'node:crypto';

// Random bytes for 128 tokens: each call of `randomBytes` allocates an object that the garbage collector must track.
let drawn = randomBytes(0);

/** Returns random bytes as base64url: 43 characters for the 32 bytes of a state or code verifier. @see RFC 7636 section 4.1 */
export function randomToken(bytes = 32): string {
  if (drawn.length < bytes) drawn = randomBytes(4_096);
  const token = drawn.toString('base64url', 0, bytes);
  // Erase the bytes: only the caller may keep the secret.
  drawn.fill(0, 0, bytes);
  drawn = drawn.subarray(bytes);
  return token;
}
