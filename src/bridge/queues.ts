import type { Clock } from '../base/clock.ts';
import type { Peer } from './audit.ts';

/** A connection whose peer may read too slowly. */
export interface Queue extends Peer {
  /** Bytes that the operating system has not taken yet. */
  readonly queued: number;
  /** Ends it at once, with all that is queued. */
  drop(reason: string): void;
}

/** Reason with which a connection is closed whose peer reads too slowly. */
export const slowReason = 'the client reads too slowly: too many bytes are queued';

// A sum takes a look at every connection, and is asked for with each message to a slow reader.
const maxAgeMs = 100;

const partsOf: readonly ((queue: Queue) => string)[] = [
  ({ identity }) => identity.tenant ?? '',
  ({ identity }) => identity.name,
  ({ address }) => address,
];

/**
 * Bounds the bytes that are queued for all connections together. Beyond it the largest holder loses connections: the largest tenant,
 * in it the largest name, and of that the largest address.
 */
export class Queues {
  readonly #clock: Clock;
  readonly #max: number;
  readonly #all: () => readonly Queue[];
  #sum = { bytes: 0, at: -Infinity };

  /** @param all Returns the connections that are open. */
  constructor(clock: Clock, max: number, all: () => readonly Queue[]) {
    this.#clock = clock;
    this.#max = max;
    this.#all = all;
  }

  /** Tells if more may be queued for a connection. Drops those of larger holders first, if all together have too much. */
  hasRoomFor(writer: Queue): boolean {
    this.#add();
    while (this.#sum.bytes > this.#max) {
      const largest = this.#largest();
      if (largest === writer) return false;
      if (!largest) return true;
      this.#sum.bytes -= largest.queued;
      largest.drop(slowReason);
    }
    return true;
  }

  /** Adds up all bytes, if the sum is older than 100 ms. */
  #add(): void {
    const now = this.#clock.now();
    if (now - this.#sum.at <= maxAgeMs) return;
    this.#sum = { bytes: sumOf(this.#all()), at: now };
  }

  /** Returns the connection of the largest holder with the most bytes; undefined if nothing is queued any more. */
  #largest(): Queue | undefined {
    let rest = this.#all().filter(({ queued }) => queued > 0);
    for (const partOf of partsOf) rest = largestPart(rest, partOf);
    return rest.reduce<Queue | undefined>((a, b) => (a && a.queued >= b.queued ? a : b), undefined);
  }
}

function largestPart(queues: readonly Queue[], partOf: (queue: Queue) => string): Queue[] {
  const parts = new Map<string, Queue[]>();
  for (const queue of queues) {
    const part = parts.get(partOf(queue));
    if (part) part.push(queue);
    else parts.set(partOf(queue), [queue]);
  }
  let largest: { readonly part: Queue[]; readonly sum: number } = { part: [], sum: 0 };
  for (const part of parts.values()) {
    const sum = sumOf(part);
    if (sum > largest.sum) largest = { part, sum };
  }
  return largest.part;
}

function sumOf(queues: readonly Queue[]): number {
  return queues.reduce((sum, { queued }) => sum + queued, 0);
}
