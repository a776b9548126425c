import { timingSafeEqual } from 'node:crypto';

/** Compares keys in constant time, because a caller who could guess one piece by piece would own the flow. */
export function sameKey(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}
