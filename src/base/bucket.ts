/** A token bucket: allows `burst` events at once, and then `perSecond` events each second. */
export class Bucket {
  #left: number;
  #at = -Infinity;

  constructor(
    readonly burst: number,
    readonly perSecond: number,
  ) {
    this.#left = burst;
  }

  /** Takes one token. Returns false if none is left. @param now Milliseconds. */
  take(now: number): boolean {
    this.#refill(now);
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }

  /** Takes one token, even if none is left. Returns false if it is owed now. @param now Milliseconds. */
  owe(now: number): boolean {
    this.#refill(now);
    return --this.#left >= 0;
  }

  #refill(now: number): void {
    const seconds = Math.max(0, now - this.#at) / 1000;
    this.#left = Math.min(this.burst, this.#left + seconds * this.perSecond);
    this.#at = now;
  }
}
