import type { IncomingMessage, ServerResponse } from 'node:http';
import { InvalidOptionError } from './errors.ts';
import { readHeaders, readTarget } from './request.ts';

export type Serve = (request: IncomingMessage, response: ServerResponse) => void;

/** Answers a request; `next` has it answered as if nobody had taken its path. */
export type Route = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/** Paths of a server that others of this package answer: the monitor, metrics. */
export class Routes {
  readonly #isOurs: (authority: string) => boolean;
  readonly #taken: string;
  readonly #byPath = new Map<string, Route>();

  /** @param taken The path that is the redirect URI's. */
  constructor(taken: string, isOurs: (authority: string) => boolean) {
    this.#taken = taken;
    this.#isOurs = isOurs;
  }

  /** Returns its undo. */
  add(path: string, route: Route): () => void {
    if (path === this.#taken || this.#byPath.has(path)) throw new InvalidOptionError('path', 'is taken');
    this.#byPath.set(path, route);
    return () => void this.#byPath.delete(path);
  }

  /** Who answers a request. One that names another `Host` gets the answer it would get anywhere. */
  of({ url, rawHeaders }: IncomingMessage): Route | undefined {
    // Most servers have none, and redirects come fast.
    if (this.#byPath.size === 0) return undefined;
    const target = readTarget(url ?? '');
    const route = target && this.#byPath.get(target.path);
    if (!route) return undefined;
    const authority = target.authority ?? readHeaders(rawHeaders).host?.toLowerCase() ?? '';
    return this.#isOurs(authority) ? route : undefined;
  }
}
