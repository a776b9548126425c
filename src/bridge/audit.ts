import type { Role } from '../wire/protocol.ts';
import type { Identity } from './credentials.ts';
import type { Rejection, RejectionCause } from './rejection.ts';

/** Opening, rejection or closing of a connection. Contains no credential. */
export type ConnectionEvent =
  | {
      readonly type: 'connected';
      /** Name of the credential. */
      readonly name: string;
      /** Tenant of the credential; left out if it is of the service itself. */
      readonly tenant?: string;
      readonly roles: readonly Role[];
      readonly address: string;
    }
  | {
      readonly type: 'rejected';
      /** Name of a token that is no longer valid. */
      readonly name?: string;
      readonly tenant?: string;
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
      readonly tenant?: string;
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

  connected({ identity: { name, tenant, roles }, address }: Peer): void {
    this.#tell({ type: 'connected', name, ...of(tenant), roles, address });
  }

  rejected(address: string, { status, cause, why: reason, name, tenant }: Rejection): void {
    const named = { ...(name !== undefined && { name }), ...of(tenant) };
    this.#tell({ type: 'rejected', ...named, address, status, cause, reason });
  }

  closed({ identity: { name, tenant }, address }: Peer, ending: Ending): void {
    this.#tell({ type: 'closed', name, ...of(tenant), address, ...ending });
  }

  #tell(event: ConnectionEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

function of(tenant: string | undefined): { tenant?: string } {
  return tenant === undefined ? {} : { tenant };
}
