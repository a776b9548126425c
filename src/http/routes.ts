import type { IncomingMessage, ServerResponse } from 'node:http';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { isDoubtful, readHeaders, readTarget } from '../callback/request.ts';
import { PathTable } from './path-table.ts';
import type { TakenPath } from './upgrade.ts';

export type Serve = (request: IncomingMessage, response: ServerResponse) => void;

/** Handler of a path. It may call `next` to have the request answered as if its path had no route. */
export type Route = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/** The part of a server that routes need. */
export interface RouteHost {
  readonly callbackPath: string;
  /** Tells if a `Host` names the server for requests of operators. */
  isOperators(authority: string): boolean;
  /** Sets the function that selects a route for each request; `undefined` removes it. Only one can be set. */
  onRequest(routeOf: ((request: IncomingMessage) => Route | undefined) | undefined): void;
  /** Set by the first route. */
  routes?: Routes;
}

/**
 * Routes a server's requests for a path, of any method, unless they name another `Host`. Returns a function that
 * removes the route. Throws `InvalidOptionError` if the path is taken.
 *
 * @param only Selects the requests to route. Any other request is answered as if its path had no route. By default all.
 */
export function takeRequests(
  server: RouteHost,
  path: string,
  route: Route,
  only?: (request: IncomingMessage) => boolean,
): () => void {
  server.routes ??= new Routes(server);
  return server.routes.add(path, route, only);
}

/** Routes requests as `takeRequests` does, until the path is released, or another route takes it after it was retired. */
export function takePath(server: RouteHost, path: string, route: Route): TakenPath {
  const release = takeRequests(server, path, route);
  return { release, retire: () => server.routes?.retire(path) };
}

interface Routed {
  readonly route: Route;
  readonly only: ((request: IncomingMessage) => boolean) | undefined;
}

/** Paths of a server that other parts of this package answer, such as the monitor and the metrics. */
export class Routes {
  readonly #server: RouteHost;
  readonly #table: PathTable<Routed>;

  constructor(server: RouteHost) {
    this.#server = server;
    this.#table = new PathTable(() => {
      server.onRequest(this.#of);
      // Without a route the server compares only its own path.
      return () => server.onRequest(undefined);
    });
  }

  add(path: string, route: Route, only?: Routed['only']): () => void {
    if (path === this.#server.callbackPath) throw new InvalidOptionError('path', 'is taken');
    return this.#table.add(path, { route, only });
  }

  retire(path: string): void {
    this.#table.retire(path);
  }

  /**
   * Finds the route of a request. A request that names another `Host`, or has an ambiguous body, has none and gets the
   * server's own answer.
   */
  readonly #of = (request: IncomingMessage): Route | undefined => {
    const { method = '', url = '', rawHeaders } = request;
    const target = readTarget(url);
    const { route, only } = this.#table.get(target?.path) ?? {};
    if (!route || only?.(request) === false) return undefined;
    const headers = readHeaders(rawHeaders);
    const authority = target?.authority ?? headers.host?.toLowerCase() ?? '';
    return this.#server.isOperators(authority) && !isDoubtful(method, headers) ? route : undefined;
  };
}
