import type { IncomingMessage } from 'node:http';
import { InvalidOptionError } from '../base/invalid-option.ts';
import type { ConnectionEvent } from './audit.ts';
import type { FlowStore, SharedRecords } from '../model/flow-store.ts';
import type { Pages } from './admission.ts';
import type { Identity } from './credentials.ts';
import type { Rejection } from './rejection.ts';
import type { BridgeStats } from './stats.ts';

/** Members of a bridge that the monitor and the metrics use. Not for programs: they may change with any release. */
export interface BridgeInternals {
  /** Server that the bridge was made for. */
  readonly server: object;
  readonly path: string;
  /** True if the bridge has a port of its own, which may not be bound yet. */
  readonly apart: boolean;
  /**
   * Registers a function that is called when a connection is opened, rejected or closed. Returns a function that removes it.
   */
  onConnection(listener: (event: ConnectionEvent) => void): () => void;
  /** Identifies a program by its token or by `authenticate`. */
  identify(request: IncomingMessage): Promise<Identity | Rejection>;
  /** Tells if a connection of this identity is open. */
  isConnected(identity: Identity): boolean;
  /** Tells if the credential of an identity is still valid. */
  isValid(identity: Identity): boolean;
  /** Creates an identity with fewer rights, revoked together with `identity`. */
  derive(identity: Identity, change: Partial<Identity>): Identity;
  /** Returns what finds the token of an identity at other nodes, and after a restart; undefined if it has none. */
  referenceOf(identity: Identity): string | undefined;
  byReference(reference: string): Identity | undefined;
  /** Issues a single-use ticket for a page of `origin` that has this page session. */
  ticketFor(page: string, origin: string): Promise<string>;
  /** Closes the connections of this identity, and rejects it from now on. */
  revokeIdentity(identity: Identity, reason: string): void;
  /** Lets pages connect with a ticket, even if `origins` lacks theirs. Returns a function that undoes it. */
  admitPages(pages: Pages): () => void;
  /** Tells those who listen to connections that a request for a ticket was rejected. */
  onRejected(request: IncomingMessage, rejection: Rejection): void;
  /** Counts the load of one tenant; undefined for that of the service's own connections. */
  statsOf(tenant: string | undefined): BridgeStats;
  /** True while no new connections and flows are taken. */
  readonly draining: boolean;
  /** Store of the flows. */
  readonly store: FlowStore;
  /** Records that the nodes of the bridge's store share. */
  readonly records: SharedRecords;
  /** True if several nodes share them. */
  readonly shared: boolean;
}

/** Key of the getter that returns a bridge's internals. */
export const internals = Symbol('internals');

/** Returns the internals of a bridge. Throws `InvalidOptionError` for any other object. */
export function internalsOfBridge(bridge: object): BridgeInternals {
  const { [internals]: found } = bridge as { readonly [internals]?: BridgeInternals };
  if (!found) throw new InvalidOptionError('bridge', 'must come from createBridge');
  return found;
}
