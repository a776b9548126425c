import type { IncomingMessage } from 'node:http';
import { InvalidOptionError } from '../errors.ts';
import type { Identity } from './credentials.ts';

/** What the monitor asks of a bridge. Not for programs: it may change with any release. */
export interface BridgeInternals {
  /** Whose bridge it is. */
  readonly server: object;
  readonly path: string;
  /** Whether it is on a port of its own, which may not be bound yet. */
  readonly apart: boolean;
  /** Who a program is, by its token or by `authenticate`. */
  identify(request: IncomingMessage): Promise<Identity | undefined>;
  /** Whether the credential that made somebody this identity still holds. */
  stands(identity: Identity): boolean;
  /** Somebody less than `identity`, who stands no longer than that one does. */
  derive(identity: Identity, change: Partial<Identity>): Identity;
  /** A single-use ticket that makes a page of `origin` this identity. */
  ticketFor(identity: Identity, origin: string): string;
  /** Closes the connections of this identity, and refuses it from now on. */
  withdraw(identity: Identity): void;
  /** Has pages of these origins connect with a ticket, whether or not they are listed. Returns its undo. */
  admitPages(isOrigin: (origin: string) => boolean): () => void;
}

const known = new WeakMap<object, BridgeInternals>();

export function exposeBridge(bridge: object, internals: BridgeInternals): void {
  known.set(bridge, internals);
}

export function internalsOfBridge(bridge: object): BridgeInternals {
  const internals = known.get(bridge);
  if (!internals) throw new InvalidOptionError('bridge', 'must come from createBridge');
  return internals;
}
