import { Recent } from '../base/recent.ts';
import { TokenError } from './errors.ts';
import type { Tokens } from './tokens.ts';

/** The issuer of a refresh token and the client that it was issued to. */
export type Owner = readonly [issuer: string, clientId: string];

// Replacements that are remembered. A program with an older token must sign in again.
const minRemembered = 1_000;

/**
 * Remembers which refresh token replaced which. A server that rotates refresh tokens treats a second use of one as theft and
 * revokes the sign-in. Therefore requests use a token one at a time, and a caller with a replaced token gets the newest one.
 */
export class Rotation {
  readonly #inUse = new Map<string, Promise<unknown>>();
  readonly #next = new Recent<string>(minRemembered);

  /** Calls `work` with the newest token, once no other request uses it. */
  async use(owner: Owner, token: string, work: (newest: string) => Promise<Tokens>): Promise<Tokens> {
    let newest = this.#newest(owner, token);
    for (let busy = this.#busy(owner, newest); busy; busy = this.#busy(owner, newest)) {
      // An error is reported to the caller of that request.
      await busy.catch(() => undefined);
      newest = this.#newest(owner, token);
    }
    const key = keyOf(owner, newest);
    const working = work(newest);
    this.#inUse.set(key, working);
    try {
      const renewed = await working;
      this.#remember(owner, newest, renewed.refresh_token);
      return renewed;
    } catch (error) {
      if (error instanceof TokenError) this.#remember(owner, newest, error.kept?.refresh_token);
      throw error;
    } finally {
      this.#inUse.delete(key);
    }
  }

  /** Resolves with the newest token, once no other request uses it. */
  async newest(owner: Owner, token: string): Promise<string> {
    for (;;) {
      const newest = this.#newest(owner, token);
      const busy = this.#busy(owner, newest);
      if (!busy) return newest;
      await Promise.allSettled([busy]);
    }
  }

  #busy(owner: Owner, token: string): Promise<unknown> | undefined {
    return this.#inUse.get(keyOf(owner, token));
  }

  #newest(owner: Owner, token: string): string {
    let newest = token;
    for (
      let next: string | undefined = token;
      next !== undefined;
      next = this.#next.get(keyOf(owner, newest))
    )
      newest = next;
    return newest;
  }

  #remember(owner: Owner, used: string, next: string | undefined): void {
    if (next === undefined || used === next) return;
    this.#next.set(keyOf(owner, used), next);
    // The new token is valid again even if it was used before; keeping its entry would create a cycle.
    this.#next.delete(keyOf(owner, next));
  }
}

/** Replacements that this process knows. */
export const rotation = new Rotation();

const keyOf = (owner: Owner, token: string): string => JSON.stringify([...owner, token]);
