/** How a promise has settled. */
export type Settled<T> = { readonly value: T } | { readonly error: unknown };

/**
 * A promise that calls its first handlers at once. A real one calls them in a microtask, which virtual time does not wait for.
 */
export class SettledPromise<T> extends Promise<T> {
  // What `then` returns is an ordinary promise.
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  readonly #settled: Settled<T>;
  #isHandled = false;

  constructor(settled: Settled<T>) {
    // Not rejected here: nothing could handle that, since `then` does not pass its handlers on.
    super(() => undefined);
    this.#settled = settled;
    if (!('error' in settled)) return;
    // A rejection that the program forgets is one of Node too, as it is with a real host.
    setImmediate(() => {
      if (!this.#isHandled) void rejected(settled.error);
    });
  }

  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const settled = this.#settled;
    this.#isHandled = true;
    try {
      if ('error' in settled)
        return onRejected ? Promise.resolve(onRejected(settled.error)) : rejected(settled.error);
      if (onFulfilled) return Promise.resolve(onFulfilled(settled.value));
      // Without a handler, `A` is `T`.
      return Promise.resolve(settled.value) as Promise<unknown> as Promise<A>;
    } catch (error) {
      return rejected(error);
    }
  }
}

function rejected(reason: unknown): Promise<never> {
  // What the program has thrown, which need not be an error.
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
  return new Promise((_, reject) => reject(reason));
}
