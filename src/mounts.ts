import type { IncomingMessage, ServerResponse } from 'node:http';
import { InvalidOptionError } from './errors.ts';
import { readHeaders, readTarget } from './request.ts';

/** Answers a request, or leaves it to the callback server: false. */
export type TakeRequest = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Paths of a callback server that others answer, such as its operator's. */
export class Mounts {
  readonly #byPath = new Map<string, TakeRequest>();
  readonly #isOurs: (authority: string) => boolean;

  /** @param isOurs Whether the server goes by that `Host`; what names another one is nobody's here. */
  constructor(isOurs: (authority: string) => boolean) {
    this.#isOurs = isOurs;
  }

  /** For the path and what is below it. Returns its undo. Throws `InvalidOptionError` where it is taken. */
  add(path: string, take: TakeRequest): () => void {
    if (this.#byPath.has(path)) throw new InvalidOptionError('path', 'is taken');
    this.#byPath.set(path, take);
    return () => void this.#byPath.delete(path);
  }

  /** Whether somebody has answered it. */
  serve(request: IncomingMessage, response: ServerResponse): boolean {
    return this.#of(request)?.(request, response) ?? false;
  }

  /** Whether there is somebody to ask. */
  concern(request: IncomingMessage): boolean {
    return this.#of(request) !== undefined;
  }

  #of({ url = '', rawHeaders }: IncomingMessage): TakeRequest | undefined {
    // Most servers have none, and every redirect comes by here.
    if (this.#byPath.size === 0) return undefined;
    const target = readTarget(url);
    const host = target?.authority ?? readHeaders(rawHeaders).host?.toLowerCase() ?? '';
    if (!target || !this.#isOurs(host)) return undefined;
    for (const [path, take] of this.#byPath) {
      if (target.path === path || target.path.startsWith(`${path}/`)) return take;
    }
    return undefined;
  }
}
