/** Shared parts of the programs that receive redirects over HTTP. */
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import type { Server } from 'node:http';

/** A recorded answer, without the headers that Node adds to any. */
export interface Recorded {
  status: number;
  /** Alternating names and values. */
  headers: string[];
  body: string;
}

export interface ReceiverOptions {
  /** Fact that the receiver notes of each redirect: its arrival, or its delay by the time in its code. */
  notes: 'arrival' | 'latency';
  /** Number of other flows that stay pending. */
  waiting: number;
  /** Answer of a receiver that has no page of its own. */
  answer?: Recorded;
}

// A type, because an interface does not match an index signature.
export type Receiver = {
  /** Returns the port. */
  listen(options: ReceiverOptions): Promise<number>;
  /** Writes the states of `count` sign-ins to a file, and clears its notes. */
  prepare(count: number, file: string): Promise<void> | void;
  /** Returns how many of their redirects did not arrive exactly once. */
  amiss(): number;
  /** Returns the delay of each redirect in µs, from its sending to its consumer. */
  latencies(): Float64Array;
};

/** Notes of a receiver that does not tell states apart. */
export class Notes {
  #count = 0;
  #expected = 0;
  #latencies = new Float64Array();

  expect(count: number): void {
    this.#count = 0;
    this.#expected = count;
    this.#latencies = new Float64Array(count);
  }

  arrival(): void {
    this.#count++;
  }

  latency(latency: number): void {
    this.#latencies[this.#count++] = latency;
  }

  readonly amiss = (): number => Math.abs(this.#expected - this.#count);

  readonly latencies = (): Float64Array => this.#latencies.subarray(0, this.#count);
}

export async function listenOn(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Options with which our server creates its HTTP server. */
export const sameAsOurs = {
  noDelay: true,
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  requireHostHeader: false,
};

/** Returns the value of a parameter, without decoding it. */
export function parameter(url: string, name: string): string {
  const start = url.indexOf(`${name}=`) + name.length + 1;
  const end = url.indexOf('&', start);
  return end < 0 ? url.slice(start) : url.slice(start, end);
}
