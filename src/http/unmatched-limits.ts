import { Bucket } from '../base/bucket.ts';
import { Recent } from '../base/recent.ts';

// Minimum number of addresses to remember.
const minRemembered = 5_000;

/** Rate limit of each address on redirects that match no flow. A redirect that matches one is never counted. */
export class UnmatchedLimits {
  readonly #buckets = new Recent<Bucket>(minRemembered);
  readonly #burst: number;
  readonly #perSecond: number;

  /**
   * @param burst Redirects that an address may send at once.
   * @param perSecond Redirects that an address regains each second.
   */
  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
  }

  /** Counts a redirect of an address. Returns true if the address has sent too many. @param now Milliseconds. */
  exceeds(address: string, now: number): boolean {
    let bucket = this.#buckets.get(address);
    if (!bucket) this.#buckets.set(address, (bucket = new Bucket(this.#burst, this.#perSecond)));
    return !bucket.take(now);
  }
}
