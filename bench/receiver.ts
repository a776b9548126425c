/** What the programs have in common that receive redirects over HTTP. */
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import type { Server } from 'node:http';

/** An answer as it came over the wire, without what Node adds to any. */
export interface Recorded {
  status: number;
  /** Names and values in turn. */
  headers: string[];
  body: string;
}

export interface ReceiverOptions {
  /** What the receiver notes of each redirect: that it came, or how long it took, by the time in its code. */
  notes: 'arrival' | 'latency';
  /** Flows that wait all the while. */
  waiting: number;
  /** What a receiver sends that has no page of its own. */
  answer?: Recorded;
}

// A type and not an interface, which could be extended and so does not fit an index signature.
export type Receiver = {
  /** Returns the port. */
  listen(options: ReceiverOptions): Promise<number>;
  /** Leaves the states of so many sign-ins in a file, and forgets what it noted. */
  prepare(count: number, file: string): Promise<void> | void;
  /** Of those, how many redirects did not come exactly once. */
  amiss(): number;
  /** Microseconds from the redirect's being written to here. */
  latencies(): Float64Array;
};

/** Notes what `amiss` and `latencies` tell, of redirects whose states need not be told apart. */
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

/** The options with which our server makes its own. */
export const sameAsOurs = {
  noDelay: true,
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  requireHostHeader: false,
};

/** The value of a parameter, as cheaply as it can be had. */
export function parameter(url: string, name: string): string {
  const start = url.indexOf(`${name}=`) + name.length + 1;
  const end = url.indexOf('&', start);
  return end < 0 ? url.slice(start) : url.slice(start, end);
}
