import { createHmac } from 'node:crypto';
import { randomToken } from '../../base/random.ts';
import type { ServiceMessage } from '../../wire/protocol.ts';
import type { Peer } from '../audit.ts';
import type { Identity } from '../credentials.ts';
import type { ListenerConnection } from '../listener.ts';

/** Receives what a listener sends over the connection that a request stands for. */
export interface ConnectionEnds {
  onMessage(message: ServiceMessage): void;
  /** Called once, unless the request is over before. @param code Close code of the bridge. */
  onClose(code: number): void;
}

/**
 * A connection of a listener that lives as long as one HTTP request. So a flow has one contract of delivery, whether its program
 * waits by WebSocket or by HTTP.
 */
export class RequestConnection implements ListenerConnection {
  readonly identity: Identity;
  readonly address: string;
  readonly nonce: string = randomToken();
  readonly #ends: ConnectionEnds;
  #open = true;

  constructor({ identity, address }: Peer, ends: ConnectionEnds) {
    this.identity = identity;
    this.address = address;
    this.#ends = ends;
  }

  get open(): boolean {
    return this.#open;
  }

  /** A request is on a connection of its own, or waits for the answer of the one before, so it is never older than another. */
  isHere(): Promise<boolean> {
    return Promise.resolve(this.#open);
  }

  send(message: ServiceMessage): void {
    if (this.#open) this.#ends.onMessage(message);
  }

  close(code: number): void {
    if (!this.#open) return;
    this.#open = false;
    this.#ends.onClose(code);
  }

  /** Proves to the listener that the request has the key of a flow, as a client over WebSocket does. */
  prove(key: string): string {
    return createHmac('sha256', Buffer.from(key, 'base64url')).update(this.nonce).digest('base64url');
  }

  /** Ends the connection because its request is over. */
  end(): void {
    this.#open = false;
  }
}
