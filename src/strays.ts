import { Recent } from './recent.ts';

interface Bucket {
  left: number;
  at: number;
}

/** Counts the redirects of each address that matched no flow. One that does match is never counted, nor held back. */
export class Strays {
  readonly #buckets = new Recent<Bucket>(5_000);

  constructor(
    readonly most: number,
    readonly perSecond: number,
  ) {}

  /** Counts one more; says whether the address has sent too many. */
  exceeds(address: string, now: number): boolean {
    let bucket = this.#buckets.get(address);
    // Once for each, so that one which sends many does not push the others out.
    if (!bucket) this.#buckets.set(address, (bucket = { left: this.most, at: now }));
    const regained = (Math.max(0, now - bucket.at) / 1000) * this.perSecond;
    const refilled = Math.min(this.most, bucket.left + regained);
    bucket.left = Math.max(0, refilled - 1);
    bucket.at = now;
    return refilled < 1;
  }
}
