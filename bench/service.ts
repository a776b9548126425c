/** Shared parts of the programs that serve WebSockets. */
import type { Recorded } from './receiver.ts';

export const token = 'a-token-of-the-benchmark';

// A type and not an interface, as in receiver.ts.
export type Service = {
  /** @param answer Answer of a service that has no page of its own. @returns The port. */
  listen(answer?: Recorded): Promise<number>;
  /** Sends `count` events to all monitors, one in each turn of the event loop. */
  emit(count: number, frame: string): Promise<void>;
};

export type PacedService = Service & {
  /** Sends them at an even pace. Returns the times in µs, and the largest RSS in bytes. */
  emitAtPace(count: number, perSecond: number): Promise<{ sent: Float64Array; rss: number }>;
};

/** A program that receives results. */
export type Waiter = {
  connect(port: number): Promise<void>;
  /** Writes the states of `count` sign-ins to a file, and clears its notes. */
  prepare(count: number, file: string): Promise<void> | void;
  /** Resolves once all results are here, with the delay of each in µs, from the sending of its redirect. */
  latencies(): Promise<Float64Array>;
};

/** Latencies, and a promise for all of them. */
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
