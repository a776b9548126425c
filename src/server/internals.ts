import type { Duplex } from 'node:stream';
import type { UpgradeHost } from '../http/upgrade.ts';
import type { CallbackRequest } from '../callback/request.ts';
import type { Clock } from '../base/clock.ts';
import { InvalidOptionError } from '../base/invalid-option.ts';
import type { ClientAddresses } from '../http/client-addresses.ts';
import type { Endpoint } from '../http/endpoint.ts';
import type { FlowIndex } from '../flows/flow-index.ts';
import type { FlowIndexOptions } from '../flows/flow-index-options.ts';
import type { Report } from '../base/isolated-observable.ts';
import type { RouteHost } from '../http/routes.ts';
import type { FlowsElsewhere } from '../callback/flows-elsewhere.ts';

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
