import type { IncomingMessage, ServerResponse } from 'node:http';
import { InvalidOptionError } from './errors.ts';
import type { ServerInternals } from './internals.ts';
import { field, readHeaders, readTarget } from './request.ts';

export type Serve = (request: IncomingMessage, response: ServerResponse) => void;

/** Answers a request; `next` has it answered as if nobody had taken its path. */
export type Route = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

const known = new WeakMap<ServerInternals, Routes>();

/**
 * Takes a server's requests for a path, whatever their method, but those that name another `Host`. Returns its undo. Throws
 * `InvalidOptionError` where the path is taken.
 */
export function takeRequests(server: ServerInternals, path: string, route: Route): () => void {
  let routes = known.get(server);
  if (!routes) known.set(server, (routes = new Routes(server)));
  return routes.add(path, route);
}

/** Paths of a server that others of this package answer: the monitor, metrics. */
class Routes {
  readonly #server: ServerInternals;
  readonly #byPath = new Map<string, Route>();

  constructor(server: ServerInternals) {
    this.#server = server;
  }

  add(path: string, route: Route): () => void {
    if (path === this.#server.callbackPath || this.#byPath.has(path))
      throw new InvalidOptionError('path', 'is taken');
    this.#byPath.set(path, route);
    this.#server.onRequest(this.#of);
    return () => {
      this.#byPath.delete(path);
      // The server then looks at no path any more but its own.
      if (this.#byPath.size === 0) this.#server.onRequest(undefined);
    };
  }

  /** Who answers a request. One that names another `Host` gets the answer it would get anywhere. */
  readonly #of = ({ url, rawHeaders }: IncomingMessage): Route | undefined => {
    const target = readTarget(url ?? '');
    const route = target && this.#byPath.get(target.path);
    if (!route) return undefined;
    const authority = target.authority ?? readHeaders(rawHeaders)[field.host]?.toLowerCase() ?? '';
    return this.#server.isOurs(authority) ? route : undefined;
  };
}
