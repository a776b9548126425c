import type { Ending, Peer } from '../audit.ts';
import type { Identity } from '../credentials.ts';
import { slowReason, type Queue } from '../queues.ts';

/** A request whose answer is open until a flow ends. It counts as a connection. */
export interface OpenRequest extends Queue {
  /** Peer for which the request was admitted. */
  readonly peer: Peer;
  /** Ends it. @param code Close code of the bridge. */
  end(code: number, reason: string): void;
}

/** How a request ended whose client has disconnected. */
export const disconnected: Ending = { by: 'peer', code: 1006, reason: '' };

/** Called when a request begins to wait, and when it is over. */
export interface OpenRequestsContext {
  isValid(identity: Identity): boolean;
  onOpened(peer: Peer): void;
  onClosed(peer: Peer, ending: Ending): void;
}

// As long as a session may take to close.
const endMs = 1_000;

/** All requests that wait. */
export class OpenRequests {
  readonly #context: OpenRequestsContext;
  readonly #all = new Set<OpenRequest>();
  readonly #byPeer = new Map<Peer, OpenRequest>();
  #onEmpty: (() => void) | undefined;

  constructor(context: OpenRequestsContext) {
    this.#context = context;
  }

  get size(): number {
    return this.#all.size;
  }

  [Symbol.iterator](): IterableIterator<OpenRequest> {
    return this.#all.values();
  }

  /** Counts the requests of some identities, and the bytes that are queued for them. */
  count(counts: (identity: Identity) => boolean): { size: number; queued: number } {
    const counted = [...this.#all].filter(({ identity }) => counts(identity));
    return { size: counted.length, queued: counted.reduce((sum, { queued }) => sum + queued, 0) };
  }

  add(request: OpenRequest): void {
    this.#all.add(request);
    this.#byPeer.set(request.peer, request);
    this.#context.onOpened(request);
  }

  remove(request: OpenRequest, ending: Ending): void {
    if (!this.#all.delete(request)) return;
    this.#byPeer.delete(request.peer);
    this.#context.onClosed(request, ending);
    if (this.#all.size === 0) this.#onEmpty?.();
  }

  /** Returns the request that waits for this peer; undefined if it does not wait yet, or no longer. */
  of(peer: Peer): OpenRequest | undefined {
    return this.#byPeer.get(peer);
  }

  /** Ends requests whose credential was revoked or has expired. */
  endInvalid(code: number, reason: string): void {
    for (const request of this.#all) if (!this.#context.isValid(request.identity)) request.end(code, reason);
  }

  /** Ends requests of some identities. */
  endThose(those: (identity: Identity) => boolean, code: number, reason: string): void {
    for (const request of this.#all) if (those(request.identity)) request.end(code, reason);
  }

  /** Ends all. Resolves once they are over; a client that does not read its answer is cut off. */
  async end(code: number, reason: string): Promise<void> {
    if (this.#all.size === 0) return;
    const empty = new Promise<void>((resolve) => (this.#onEmpty = resolve));
    const overdue = setTimeout(() => {
      for (const request of this.#all) request.drop(slowReason);
    }, endMs);
    for (const request of [...this.#all]) request.end(code, reason);
    await empty;
    clearTimeout(overdue);
    this.#onEmpty = undefined;
  }
}
