import { SealingKeys, type SealingKey } from '../base/sealing-keys.ts';
import { StoredFlowError } from '../model/errors.ts';
import type { SharedRecord } from '../model/flow-store.ts';
import { sha256 } from '../base/sha256.ts';
import type { Arrival } from '../model/redirect.ts';

/** Purpose of a sealed text: a text that was moved to another field cannot be opened. */
type Purpose = 'flow' | 'response' | 'outcome' | 'record';

// Counter and label of the key derivation; a key is a single block.
const counter = Buffer.from([0, 0, 0, 1]);
const label = 'rx-oauth-callback flow';

/**
 * Derives the names of flows from their states, and seals their data with them. The store never gets a state, so it cannot
 * open the data. Neither can a node that got neither the redirect nor the listener.
 */
export class Sealer {
  readonly #tenant: string;
  readonly #keys: SealingKeys;

  constructor(tenant: string, keys: readonly SealingKey[]) {
    this.#tenant = tenant;
    // Without keys, the state alone opens sealed texts.
    this.#keys = new SealingKeys(keys);
  }

  /** Returns the name of a flow, derived from tenant and state. The state cannot be derived from it. */
  name(state: string): Buffer {
    return this.#digest('name', state);
  }

  /** Returns the name of a flow or record as a short text. */
  nameOf(state: string): string {
    return short(this.name(state));
  }

  /** Name of the tenant. */
  get tenantName(): string {
    return short(this.#digest('tenant'));
  }

  /** Returns the digest of what a redirect must come with; without `issuer`, it fits any issuer. */
  fits(state: string, { path, mode, browser }: Arrival, issuer?: { iss: string | undefined }): string {
    const asked = issuer ? [path, mode, issuer.iss ?? ''] : [path, mode];
    const from = browser === undefined ? [] : ['browser', browser];
    return short(this.#digest('fits', state, ...asked, ...from));
  }

  /** Returns the digest of a code that a person types in. */
  code(state: string, code: string): string {
    return short(this.#digest('code', state, code));
  }

  /** Returns the digest of a flow's owner, from the key that the listener proves. */
  owner(state: string, key: string): string {
    return short(this.#digest('owner', state, key));
  }

  seal(state: string, purpose: Purpose, text: string): string {
    return this.#keys.seal(text, this.#context(state, purpose), derivation(state));
  }

  /** Opens a sealed text. Throws `StoredFlowError` unless it was sealed for this tenant, state and purpose with a known key. */
  open(state: string, purpose: Purpose, sealed: string): string {
    try {
      return this.#keys.open(sealed, this.#context(state, purpose), derivation(state));
    } catch {
      throw new StoredFlowError(
        'what the store has of a flow was sealed with another key, or is not of this flow',
      );
    }
  }

  /** Opens a record. Returns undefined for one that was sealed with a key which this process does not have any more. */
  openRecord(key: string, sealed: string): SharedRecord | undefined {
    try {
      return { text: this.open(key, 'record', sealed), version: sealed };
    } catch (error) {
      if (error instanceof StoredFlowError) return undefined;
      throw error;
    }
  }

  /** Returns the additional data that a seal is bound to. */
  #context(state: string, purpose: Purpose): string {
    return JSON.stringify([this.#tenant, purpose, state]);
  }

  #digest(...parts: readonly string[]): Buffer {
    return sha256(JSON.stringify([this.#tenant, ...parts]), 'buffer');
  }
}

/** Shortens a digest to 132 bits, still too many to collide by chance. */
function short(digest: Buffer): string {
  return digest.toString('base64url').slice(0, 22);
}

/**
 * Returns the derivation of the key of a flow: one hash of both secrets, which is enough because each of them is random.
 *
 * @see NIST SP 800-56C Rev. 2 section 4.1
 */
function derivation(state: string): (key: Uint8Array) => Buffer {
  return (key) => sha256(Buffer.concat([counter, key, Buffer.from(`${state} ${label}`)]), 'buffer');
}
