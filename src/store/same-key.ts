import { timingSafeEqual } from 'node:crypto';

/** In constant time: who could guess it piece by piece would be the flow's owner. */
export function sameKey(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}
