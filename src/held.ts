import type { Clock } from './clock.ts';
import type { CallbackFields } from './callback-response.ts';
import { Deadlines, type Timed } from './deadlines.ts';
import type { Arrival } from './redirect.ts';
import type { Language } from './texts.ts';

/** Redirects that came before their state was asked for. */
export interface HoldOptions {
  /** Milliseconds a redirect, and its browser, wait for somebody to ask for the state; 1 to 60,000. */
  holdFor: number;
  /** How many may be held at once; one more is rejected, so that a flood drives out none that waits. */
  max: number;
}

/** One redirect that waits for its flow. */
export interface HeldRedirect extends Timed {
  readonly state: string;
  readonly fields: CallbackFields;
  readonly arrival: Arrival;
  /** Of the page. */
  readonly language: Language;
  /** Told when nobody came. */
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

  /** Undefined where one of this state is held, or no place is left. */
  add(fields: CallbackFields, arrival: Arrival, language: Language): HeldRedirect | undefined {
    const { state } = fields;
    if (state === undefined || this.#byState.has(state) || this.#byState.size >= this.#options.max)
      return undefined;
    const deadline = this.#clock.now() + this.#options.holdFor;
    const held: HeldRedirect = {
      state,
      fields,
      arrival,
      language,
      deadline,
      slot: -1,
      onEnd: () => undefined,
    };
    this.#byState.set(state, held);
    this.#deadlines.add(held);
    return held;
  }

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
