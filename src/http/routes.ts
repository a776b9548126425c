import type { IncomingMessage, ServerResponse } from 'node:http';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { isDoubtful, readHeaders, readTarget, type CallbackRequest } from '../callback/request.ts';
import type { Endpoint } from './endpoint.ts';
import { PathTable } from './path-table.ts';
import type { TakenPath } from './upgrade.ts';

export type Serve = (request: IncomingMessage, response: ServerResponse) => void;

/** Handler of a path. It may call `next` to have the request answered as if its path had no route. */
export type Route = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/** Server of a tenant, as requests come to it. */
export interface TenantDoor {
  readonly endpoint: Endpoint;
  concerns(request: Pick<CallbackRequest, 'target' | 'rawHeaders'>): boolean;
}

/** The part of a server that routes need. */
export interface RouteHost {
  readonly callbackPath: string;
  /** Tells if a `Host` names the server for requests of operators. */
  isOperators(authority: string): boolean;
  /** Sets the function that selects a route for each request; `undefined` removes it. Only one can be set. */
  onRequest(routeOf: ((request: IncomingMessage) => Route | undefined) | undefined): void;
  /** Set by the first route. */
  routes?: Routes;
  /** Servers of tenants, by the path of a request target. */
  readonly tenants?: { find(target: string): { readonly internals: TenantDoor } | undefined };
  /** Endpoints of tenants, by the responses that they answer. */
  readonly outer: { readonly endpoints: WeakMap<object, Endpoint> };
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
      return () => server.onRequest(server.tenants && this.#of);
    });
  }

  /** Passes on requests to tenants too, from now on. */
  openTenants(): void {
    this.#server.onRequest(this.#of);
  }

  paths(): Iterable<string> {
    return this.#table.paths();
  }

  add(path: string, route: Route, only?: Routed['only']): () => void {
    if (path === this.#server.callbackPath || this.#server.tenants?.find(path))
      throw new InvalidOptionError('path', 'is taken');
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
    const tenant = this.#server.tenants?.find(url)?.internals;
    if (tenant?.concerns({ target: url, rawHeaders })) return this.#routeTo(tenant.endpoint);
    const target = readTarget(url);
    const { route, only } = this.#table.get(target?.path) ?? {};
    if (!route || only?.(request) === false) return undefined;
    const headers = readHeaders(rawHeaders);
    const authority = target?.authority ?? headers.host?.toLowerCase() ?? '';
    return this.#server.isOperators(authority) && !isDoubtful(method, headers) ? route : undefined;
  };

  #routeTo(endpoint: Endpoint): Route {
    return (request, response) => {
      this.#server.outer.endpoints.set(response, endpoint);
      endpoint.serve(request, response);
    };
  }
}
