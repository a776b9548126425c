import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Server as TlsServer } from 'node:tls';
import type { Clock } from './clock.ts';
import { InvalidOptionError } from './errors.ts';
import type { Endpoint } from './endpoint.ts';
import type { Flows, FlowsOptions } from './flows.ts';
import type { Report } from './isolated-observable.ts';
import type { Route } from './routes.ts';
import type { StoredFlows } from './stored-flows.ts';

export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Says whether it has taken the request, which must be all where nobody else listens for `others`. */
export type TakesUpgrade = (others: boolean, ...upgrade: Parameters<Upgrade>) => boolean;

/** What the other entries of this package ask of a server. Not for programs: it may change with any release. */
export interface ServerInternals {
  readonly clock: Clock;
  readonly report: Report;
  /** Headers of every answer, beside those of `page.ts`: names and values in turn. */
  readonly extraHeaders: readonly string[];
  /** The flows that outlive a connection: those of the first who makes them. From then on redirects are looked for there. */
  store(make: (options: FlowsOptions) => StoredFlows): StoredFlows;
  /** Flows that wait, here and in the store. */
  readonly pending: () => number;
  /** Where browsers reach a path of the server. Throws `NotListeningError` before `listen()`. */
  readonly urlOf: (path: string) => string;
  /** The server's own TLS, to give it another certificate: connections stay as they are. Undefined where there is none. */
  tls(): TlsServer | undefined;
  /** Whether the server goes by that `Host`. */
  isOurs(authority: string): boolean;
  /** Whether pages of the server have that origin. */
  isOwnOrigin(origin: string): boolean;
  /** Those of this process. */
  readonly flows: Flows;
  readonly endpoint: Endpoint;
  readonly callbackPath: string;
  /** Has each request answered by whom this names, where it names anybody: for one at a time, until it is undefined. */
  onRequest(routeOf: ((request: IncomingMessage) => Route | undefined) | undefined): void;
  /** Has upgrade requests taken, whenever the server listens: for one at a time. Returns its undo. */
  onUpgrade(takes: TakesUpgrade): () => void;
  /** Runs before the server closes, which waits for it. Returns its undo. */
  onClose(run: () => Promise<void>): () => void;
}

const known = new WeakMap<object, ServerInternals>();

export function expose(server: object, internals: ServerInternals): void {
  known.set(server, internals);
}

export function internalsOf(server: object): ServerInternals {
  const internals = known.get(server);
  if (!internals) throw new InvalidOptionError('server', 'must come from createOAuthCallbackServer');
  return internals;
}
