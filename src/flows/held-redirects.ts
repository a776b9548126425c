import { detach } from '../base/detach.ts';
import type { Clock } from '../base/clock.ts';
import type { ResponseFields } from '../model/callback-response.ts';
import { Deadlines, type Timed } from '../base/deadlines.ts';
import type { Arrival } from '../model/redirect.ts';
import type { Language } from '../page/texts.ts';

/** Options for holding redirects that arrive before a program asks for their state. */
export interface HoldOptions {
  /** Milliseconds that a redirect and its browser wait until a program asks for the state; 1 to 60,000. */
  holdFor: number;
  /**
   * Maximum number of held redirects, 1 to 100,000. Beyond it the address that holds the most makes room for others, and gets
   * no more itself.
   */
  max: number;
}

/** A redirect that waits for its flow. */
export interface HeldRedirect extends Timed {
  readonly state: string;
  readonly fields: ResponseFields;
  readonly arrival: Arrival;
  /** Language of the page. */
  readonly language: Language;
  /** Address of the client; empty if it is unknown. */
  readonly address: string;
  /** Called when the waiting ends and no program has asked for the state. */
  onEnd: () => void;
}

export class HeldRedirects {
  readonly #byState = new Map<string, HeldRedirect>();
  readonly #deadlines: Deadlines<HeldRedirect>;
  readonly #clock: Clock;
  readonly #options: HoldOptions;

  constructor(options: HoldOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#deadlines = new Deadlines(clock, (held) => this.#end(held));
  }

  /**
   * Holds a redirect. Returns undefined if its state is already held, or if all places are taken and its own address has as
   * many of them as any other one; else the oldest redirect of the address with the most places makes room.
   *
   * @param address Address of the client; those that are unknown count as one.
   */
  add(fields: ResponseFields, arrival: Arrival, language: Language, address = ''): HeldRedirect | undefined {
    const { state } = fields;
    if (state === undefined || this.#byState.has(state)) return undefined;
    if (this.#byState.size >= this.#options.max && !this.#makeRoom(address)) return undefined;
    const expiresAt = this.#clock.now() + this.#options.holdFor;
    const held: HeldRedirect = {
      state: detach(state),
      // Slices would keep the whole form or query in memory.
      fields: structuredClone(fields),
      arrival: { ...arrival, path: detach(arrival.path) },
      language,
      address,
      expiresAt,
      slot: -1,
      onEnd: () => undefined,
    };
    this.#byState.set(held.state, held);
    this.#deadlines.add(held);
    return held;
  }

  /** Ends the waiting of a redirect, as if its time were over. */
  release(held: HeldRedirect): void {
    if (this.#byState.get(held.state) === held) this.#end(held);
  }

  #makeRoom(address: string): boolean {
    const shares = new Map<string, number>();
    for (const held of this.#byState.values()) shares.set(held.address, (shares.get(held.address) ?? 0) + 1);
    const [[largest, share] = ['', 0]] = [...shares].sort(([, a], [, b]) => b - a);
    if (share <= (shares.get(address) ?? 0) + 1) return false;
    for (const held of this.#byState.values()) {
      if (held.address !== largest) continue;
      this.#end(held);
      return true;
    }
    return false;
  }

  /** Removes and returns the redirect that is held for a state, if there is one. */
  take(state: string): HeldRedirect | undefined {
    const held = this.#byState.get(state);
    if (held) {
      this.#byState.delete(state);
      this.#deadlines.remove(held);
    }
    return held;
  }

  close(): void {
    for (const held of [...this.#byState.values()]) this.#end(held);
  }

  #end(held: HeldRedirect): void {
    this.take(held.state);
    held.onEnd();
  }
}
