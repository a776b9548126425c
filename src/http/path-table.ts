import { InvalidOptionError } from '../base/invalid-option.ts';

/** Handlers by path, connected to the server while there is at least one. */
export class PathTable<Handler> {
  readonly #byPath = new Map<string, Handler>();
  /** Paths that another handler may take. */
  readonly #retired = new Set<string>();
  readonly #connect: () => () => void;
  #disconnect: (() => void) | undefined;

  /** @param connect Makes the server ask this table. Returns a function that undoes it. */
  constructor(connect: () => () => void) {
    this.#connect = connect;
  }

  /** Adds a handler. Returns a function that removes it. Throws `InvalidOptionError` if the path is taken. */
  add(path: string, handler: Handler): () => void {
    if (this.#byPath.has(path) && !this.#retired.delete(path))
      throw new InvalidOptionError('path', 'is taken');
    this.#byPath.set(path, handler);
    this.#disconnect ??= this.#connect();
    return () => {
      // Another handler may have taken the path of this one.
      if (this.#byPath.get(path) !== handler) return;
      this.#byPath.delete(path);
      this.#retired.delete(path);
      if (this.#byPath.size > 0) return;
      this.#disconnect?.();
      this.#disconnect = undefined;
    };
  }

  /** Lets another handler take a path. Until then the one before keeps it. */
  retire(path: string): void {
    if (this.#byPath.has(path)) this.#retired.add(path);
  }

  paths(): Iterable<string> {
    return this.#byPath.keys();
  }

  get(path: string | undefined): Handler | undefined {
    return path === undefined ? undefined : this.#byPath.get(path);
  }

  /** Returns the handler that was added first, if there is one. */
  first(): Handler | undefined {
    const [first] = this.#byPath.values();
    return first;
  }
}
