/** What the programs have in common that serve WebSockets. */
import type { Recorded } from './receiver.ts';

export const token = 'a-token-of-the-benchmark';

// A type and not an interface, as in receiver.ts.
export type Service = {
  /** @param answer What a service sends that has no page of its own. Returns the port. */
  listen(answer?: Recorded): Promise<number>;
  /** Sends so many events to whoever watches, one in each turn of the event loop. */
  emit(count: number, frame: string): Promise<void>;
};

export type PacedService = Service & {
  /** Sends them at an even pace. Returns the times, in microseconds, and the most memory there was, in bytes. */
  emitAtPace(count: number, perSecond: number): Promise<{ sent: Float64Array; rss: number }>;
};

/** A program that waits for results. */
export type Waiter = {
  connect(port: number): Promise<void>;
  /** Leaves the states of so many sign-ins in a file, and forgets what it noted. */
  prepare(count: number, file: string): Promise<void> | void;
  /** Microseconds from the redirect's being written to the result's being here, once all are. */
  latencies(): Promise<Float64Array>;
};

/** Latencies that somebody waits for. */
export class Awaited {
  #latencies = new Float64Array();
  #count = 0;
  #whole: () => void = () => undefined;
  #all: Promise<void> = Promise.resolve();

  expect(count: number): void {
    this.#latencies = new Float64Array(count);
    this.#count = 0;
    this.#all = new Promise((resolve) => (this.#whole = resolve));
  }

  note(latency: number): void {
    this.#latencies[this.#count++] = latency;
    if (this.#count === this.#latencies.length) this.#whole();
  }

  readonly latencies = async (): Promise<Float64Array> => {
    await this.#all;
    return this.#latencies;
  };
}
