import type { Tokens } from './tokens.ts';

/** Who gave a refresh token, and to whom. */
export type Owner = readonly [issuer: string, clientId: string];

// Whoever keeps a token for longer than it takes to use up that many others has to sign in again.
const remembered = 1_000;

/**
 * The refresh tokens that are used up, as servers that rotate them have it: such a server takes a second use for theft, and ends
 * the sign-in. So each is in use once at a time, and whoever comes with one that is used up by then uses what came for it.
 */
export class Rotation {
  readonly #inUse = new Map<string, Promise<unknown>>();
  readonly #next = new Map<string, string>();

  /** Works with the newest token, once nobody else does. */
  async use(owner: Owner, token: string, work: (newest: string) => Promise<Tokens>): Promise<Tokens> {
    let newest = this.#newest(owner, token);
    for (let busy = this.#busy(owner, newest); busy; busy = this.#busy(owner, newest)) {
      // How it ends is told to those who have asked for it.
      await busy.catch(() => undefined);
      newest = this.#newest(owner, token);
    }
    const key = keyOf(owner, newest);
    const working = work(newest);
    this.#inUse.set(key, working);
    try {
      const renewed = await working;
      if (renewed.refresh_token !== undefined) this.#remember(owner, newest, renewed.refresh_token);
      return renewed;
    } finally {
      this.#inUse.delete(key);
    }
  }

  #busy(owner: Owner, token: string): Promise<unknown> | undefined {
    return this.#inUse.get(keyOf(owner, token));
  }

  #newest(owner: Owner, token: string): string {
    const next = this.#next.get(keyOf(owner, token));
    return next === undefined ? token : this.#newest(owner, next);
  }

  #remember(owner: Owner, used: string, next: string): void {
    if (used === next) return;
    this.#next.set(keyOf(owner, used), next);
    // It is good now, whatever it was; and a circle would have no newest.
    this.#next.delete(keyOf(owner, next));
    for (const oldest of this.#next.keys()) {
      if (this.#next.size <= remembered) break;
      this.#next.delete(oldest);
    }
  }
}

const keyOf = (owner: Owner, token: string): string => JSON.stringify([...owner, token]);
