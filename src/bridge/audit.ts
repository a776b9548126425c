import type { Role } from '../wire/protocol.ts';
import type { Identity } from './credentials.ts';
import type { Rejection, RejectionCause } from './rejection.ts';

/** Opening, rejection or closing of a connection. Contains no credential. */
export type ConnectionEvent =
  | {
      readonly type: 'connected';
      /** Name of the credential. */
      readonly name: string;
      readonly roles: readonly Role[];
      readonly address: string;
    }
  | {
      readonly type: 'rejected';
      /** Name of a token that is no longer valid. */
      readonly name?: string;
      readonly address: string;
      /** HTTP status of the answer. */
      readonly status: number;
      readonly cause: RejectionCause;
      /** Sentence for the operator. */
      readonly reason: string;
    }
  | {
      readonly type: 'closed';
      readonly name: string;
      readonly address: string;
      readonly by: 'service' | 'peer';
      readonly code: number;
      readonly reason: string;
    };

/** How a connection was closed. */
export interface Ending {
  readonly by: 'service' | 'peer';
  readonly code: number;
  readonly reason: string;
}

/** A program that has connected. */
export interface Peer {
  readonly identity: Identity;
  /** Address of the client, as `trustedProxies` decides. Its connections are counted by it. */
  readonly address: string;
}

/** Tells its listeners when a connection is opened, rejected or closed. */
export class Audit {
  readonly #listeners = new Set<(event: ConnectionEvent) => void>();

  /**
   * Registers a function that is called when a connection is opened, rejected or closed. Returns a function that removes it.
   */
  listen(listener: (event: ConnectionEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  connected({ identity: { name, roles }, address }: Peer): void {
    this.#tell({ type: 'connected', name, roles, address });
  }

  rejected(address: string, { status, cause, why: reason, name }: Rejection): void {
    this.#tell({ type: 'rejected', ...(name !== undefined && { name }), address, status, cause, reason });
  }

  closed({ identity: { name }, address }: Peer, ending: Ending): void {
    this.#tell({ type: 'closed', name, address, ...ending });
  }

  #tell(event: ConnectionEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
