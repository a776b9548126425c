import type { Duplex } from 'node:stream';
import type { Binding } from '../http/binding.ts';
import type { HotStream } from '../base/hot-stream.ts';
import type { ServerEvent } from '../model/events.ts';
import type { Settings } from './settings.ts';
import type { UnmatchedLimits } from '../http/unmatched-limits.ts';
import type { UpgradeHost } from '../http/upgrade.ts';
import type { CallbackRequest } from '../callback/request.ts';
import type { Clock } from '../base/clock.ts';
import { InvalidOptionError } from '../base/invalid-option.ts';
import type { ClientAddresses } from '../http/client-addresses.ts';
import type { Endpoint } from '../http/endpoint.ts';
import type { FlowIndex } from '../flows/flow-index.ts';
import type { FlowIndexOptions } from '../flows/flow-index-options.ts';
import type { FlowQuota } from '../model/flow-store.ts';
import type { OAuthCallbackServer } from './callback-server.ts';
import type { Report } from '../base/isolated-observable.ts';
import type { RouteHost } from '../http/routes.ts';
import type { FlowsElsewhere } from '../callback/flows-elsewhere.ts';

/** A tenant of a server: a server inside it, with flows, checks and pages of its own. */
export interface ServedTenant {
  readonly name: string;
  readonly server: OAuthCallbackServer;
  readonly internals: ServerInternals;
  /** Limits over all nodes of a store; undefined for those of the store. */
  readonly quota: FlowQuota | undefined;
}

/** Tenants of a server, as the server uses them. */
export interface TenantsInside {
  /** Returns the tenant that has the path of a request target, or a path above it. */
  find(target: string): ServedTenant | undefined;
  values(): Iterable<ServedTenant>;
  listen(): Promise<void>;
  close(): Promise<void>;
}

/** Parts of a server that the servers of its tenants share with it. */
interface Shared {
  /** Returns the id of the next flow, of whatever tenant. */
  readonly nextId: () => string;
  /** Limits of the unmatched redirects of an address. They hold for all tenants together. */
  readonly unmatchedLimits: UnmatchedLimits;
  /** Connections on which nothing more is taken for a request. */
  readonly ended: WeakSet<object>;
  /** Endpoints of tenants, by the responses that they answer. */
  readonly endpoints: WeakMap<object, Endpoint>;
}

/** Parts of a server for those of its tenants. */
export interface OuterServer extends Shared {
  readonly settings: Settings;
  readonly events: HotStream<ServerEvent>;
  /** Returns the addresses of the server, once it has them; undefined before its first `listen()`. */
  readonly binding: () => Promise<Binding> | undefined;
}

/** Parts of the server of a tenant that it has from the server that it is inside of. */
export interface Within extends Shared {
  /** Events of the tenant, which are also events of the outer server. */
  readonly events: HotStream<ServerEvent>;
  readonly bind: () => Promise<Binding>;
}

/** Members of a server that other entries of this package use. Not public: they may change with any release. */
export interface ServerInternals extends RouteHost, UpgradeHost {
  readonly clock: Clock;
  readonly report: Report;
  /** Milliseconds that closing may take. */
  readonly closeTimeout: number;
  /** Name of the product that signs in, if it has one. */
  readonly productName: string | undefined;
  /** Headers to add to those of every page: names and values in turn. */
  readonly extraHeaders: readonly string[];
  /** Returns the flows in the store, which the first call makes. From then on redirects are matched there too. */
  elsewhere<T extends FlowsElsewhere>(make: (options: FlowIndexOptions) => T): T;
  /** Builds the URL by which browsers reach a path of the server. Throws `NotListeningError` before `listen()`. */
  readonly urlOf: (path: string) => string;
  /** Tells if a `Host` names the server. */
  isOurs(authority: string): boolean;
  /** Tells if pages of the server have this origin. */
  isOwnOrigin(origin: string): boolean;
  /** Addresses of clients, as `trustedProxies` decides. */
  readonly clients: ClientAddresses;
  /** Tells if a request is for the callback server. */
  readonly concerns: (request: Pick<CallbackRequest, 'target' | 'rawHeaders'>) => boolean;
  /** Flows of this process. */
  readonly flows: FlowIndex;
  readonly endpoint: Endpoint;
  /** Stops to count and close a connection, because a bridge does so from now on. */
  leave(socket: Duplex): void;
  readonly outer: OuterServer;
  /** Set by the first part that asks for tenants. */
  tenants?: TenantsInside;
  /** Registers a function that `close()` runs and awaits first. Returns a function that removes it. */
  onClose(run: () => Promise<void>): () => void;
}

/** Name of the getter of a server's internals. */
export const internals = Symbol('internals');

/** Returns the internals of a server. Throws `InvalidOptionError` for any other object. */
export function internalsOf(server: object): ServerInternals {
  const found = (server as { [internals]?: ServerInternals })[internals];
  if (!found) throw new InvalidOptionError('server', 'must come from createOAuthCallbackServer');
  return found;
}
