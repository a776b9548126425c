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
    const { left, at } = this.#buckets.get(address) ?? { left: this.most, at: now };
    const refilled = Math.min(this.most, left + (Math.max(0, now - at) / 1000) * this.perSecond);
    this.#buckets.set(address, { left: Math.max(0, refilled - 1), at: now });
    return refilled < 1;
  }
}
