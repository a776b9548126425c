import { hash } from 'node:crypto';

/** Computes a SHA-256 digest. */
export function sha256(data: string | Uint8Array, encoding: 'buffer'): Buffer;
export function sha256(data: string | Uint8Array, encoding: 'base64' | 'base64url'): string;
export function sha256(
  data: string | Uint8Array,
  encoding: 'buffer' | 'base64' | 'base64url',
): Buffer | string {
  return hash('sha256', data, encoding);
}
