import { credentialsIn, storedValueOf, type Credentials } from './credentials.ts';
import { unionOf } from './scopes.ts';
import { unreadable, type Vault } from './vault.ts';

/** Tokens that are in use, and where they are from. */
export interface Held {
  readonly credentials: Credentials;
  readonly from: 'store' | 'refresh' | 'person';
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** True once the server has accepted the access token. */
  isAccepted: boolean;
  /** True once the server has rejected the access token of a sign-in that the same request had waited for. */
  isRejected: boolean;
}

/** The tokens for one server, here and in the store. */
export class HeldTokens {
  readonly #key: string;
  readonly #vault: Vault;
  #held: Held | undefined;

  constructor(key: string, vault: Vault) {
    this.#key = key;
    this.#vault = vault;
  }

  get held(): Held | undefined {
    return this.#held;
  }

  get credentials(): Credentials | undefined {
    return this.#held?.credentials;
  }

  /** The access token; undefined if there is none. */
  get token(): string | undefined {
    return this.#held?.credentials.tokens.access_token;
  }

  /** Reads the store. A value that cannot be read there stays as it is here. */
  async reload(): Promise<void> {
    const stored = await this.#vault.get(this.#key, credentialsIn);
    if (stored === unreadable) return;
    if (stored?.tokens.access_token !== this.token) this.#hold(stored, 'store');
  }

  /** Keeps new tokens, here and in the store. */
  async keep(credentials: Credentials, from: Held['from']): Promise<void> {
    this.#hold(credentials, from);
    await this.#vault.set(this.#key, storedValueOf(credentials), credentialsIn);
  }

  /** Remembers, until there are other tokens, that scopes were requested and not granted. */
  decline(asked: string | undefined): void {
    if (!this.#held) return;
    const { credentials } = this.#held;
    this.#held = { ...this.#held, credentials: { ...credentials, asked: unionOf(credentials.asked, asked) } };
  }

  /** Forgets the tokens, here and in the store. */
  async drop(): Promise<void> {
    this.#held = undefined;
    await this.#vault.delete(this.#key, credentialsIn);
  }

  /** Forgets the tokens, and what is stored, whatever that is. Rejects with `TokenStoreError` if it stays. */
  async erase(): Promise<void> {
    this.#held = undefined;
    await this.#vault.erase(this.#key);
  }

  #hold(credentials: Credentials | undefined, from: Held['from']): void {
    const since = Date.now();
    this.#held = credentials && { credentials, from, since, isAccepted: false, isRejected: false };
  }
}
