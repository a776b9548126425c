// Addresses are remembered in two halves, the older dropped whole: bounded, whatever number of them comes.
const rememberedHalf = 5_000;

interface Bucket {
  left: number;
  at: number;
}

/** Counts the redirects of each address that matched no flow. One that does match is never counted, nor held back. */
export class Strays {
  #recent = new Map<string, Bucket>();
  #before = new Map<string, Bucket>();

  constructor(
    readonly most: number,
    readonly perSecond: number,
  ) {}

  /** Counts one more; says whether the address has sent too many. */
  exceeds(address: string, now: number): boolean {
    const { left, at } = this.#recent.get(address) ??
      this.#before.get(address) ?? { left: this.most, at: now };
    const refilled = Math.min(this.most, left + (Math.max(0, now - at) / 1000) * this.perSecond);
    if (this.#recent.size >= rememberedHalf) {
      this.#before = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(address, { left: Math.max(0, refilled - 1), at: now });
    return refilled < 1;
  }
}
