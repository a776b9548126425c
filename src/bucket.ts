/** A token bucket: so many at once, so many more each second. */
export class Bucket {
  #left: number;
  #at = -Infinity;

  constructor(
    readonly burst: number,
    readonly perSecond: number,
  ) {
    this.#left = burst;
  }

  /** Takes one; false where none is left. @param now Milliseconds. */
  take(now: number): boolean {
    const seconds = Math.max(0, now - this.#at) / 1000;
    this.#left = Math.min(this.burst, this.#left + seconds * this.perSecond);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
