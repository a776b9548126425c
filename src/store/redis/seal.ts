import { createCipheriv, createDecipheriv } from 'node:crypto';
import { InvalidOptionError } from '../../base/invalid-option.ts';
import { StoredFlowError } from '../../model/errors.ts';
import { randomToken } from '../../base/random.ts';
import { sha256 } from '../../base/sha256.ts';
import type { Arrival } from '../../model/redirect.ts';

/** A key of the service that its nodes have and its store does not. */
export interface SealingKey {
  /** Id of the key, part of each sealed text: 1 to 16 letters, digits, "-" and "_". */
  readonly id: string;
  /** 32 random bytes, or the same in base64url. */
  readonly key: Uint8Array | string;
}

/** Purpose of a sealed text: a text that was moved to another field cannot be opened. */
type Purpose = 'flow' | 'response' | 'outcome' | 'record';

const algorithm = 'aes-256-gcm';
const ivBytes = 12;
const tagBytes = 16;

// Counter and label of the key derivation; a key is a single block.
const counter = Buffer.from([0, 0, 0, 1]);
const label = 'rx-oauth-callback flow';

/**
 * Derives the names of flows from their states, and seals their data with them. The store never gets a state, so it cannot
 * open the data. Neither can a node that got neither the redirect nor the listener.
 */
export class Sealer {
  readonly #tenant: string;
  /** Keys by id. The first one seals; all of them open. */
  readonly #keys = new Map<string, Uint8Array>();
  readonly #current: string;

  constructor(tenant: string, keys: readonly SealingKey[]) {
    this.#tenant = tenant;
    for (const { id, key } of keys) {
      if (!/^[\w-]{1,16}$/.test(id) || this.#keys.has(id))
        throw new InvalidOptionError(
          'keys',
          'must each have an id of its own of 1 to 16 letters, digits, "-", "_"',
        );
      const bytes = typeof key === 'string' ? Buffer.from(key, 'base64url') : key;
      if (bytes.length !== 32)
        throw new InvalidOptionError('keys', `must each have 32 bytes; got ${bytes.length} for ${id}`);
      this.#keys.set(id, bytes);
    }
    // Without keys, the state alone opens sealed texts.
    if (keys.length === 0) this.#keys.set('', new Uint8Array());
    this.#current = keys[0]?.id ?? '';
  }

  /** Returns the name of a flow, derived from tenant and state. The state cannot be derived from it. */
  name(state: string): Buffer {
    return this.#digest('name', state);
  }

  /** Name of the tenant. */
  get tenantName(): string {
    return short(this.#digest('tenant'));
  }

  /** Returns the digest of what a redirect must come with; without `issuer`, it fits any issuer. */
  fits(state: string, { path, mode }: Arrival, issuer?: { iss: string | undefined }): string {
    const asked = issuer ? [path, mode, issuer.iss ?? ''] : [path, mode];
    return short(this.#digest('fits', state, ...asked));
  }

  /** Returns the digest of a flow's owner, from the key that the listener proves. */
  owner(state: string, key: string): string {
    return short(this.#digest('owner', state, key));
  }

  seal(state: string, purpose: Purpose, text: string): string {
    const iv = Buffer.from(randomToken(ivBytes), 'base64url');
    const cipher = createCipheriv(algorithm, this.#key(state, this.#current), iv);
    cipher.setAAD(this.#context(state, purpose));
    const sealed = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `${this.#current}.${sealed.toString('base64url')}`;
  }

  /** Opens a sealed text. Throws `StoredFlowError` unless it was sealed for this tenant, state and purpose with a known key. */
  open(state: string, purpose: Purpose, sealed: string): string {
    const dot = sealed.indexOf('.');
    const bytes = Buffer.from(sealed.slice(dot + 1), 'base64url');
    try {
      const decipher = createDecipheriv(
        algorithm,
        this.#key(state, sealed.slice(0, dot)),
        bytes.subarray(0, ivBytes),
        { authTagLength: tagBytes },
      );
      decipher.setAAD(this.#context(state, purpose));
      decipher.setAuthTag(bytes.subarray(-tagBytes));
      return Buffer.concat([
        decipher.update(bytes.subarray(ivBytes, -tagBytes)),
        decipher.final(),
      ]).toString();
    } catch {
      throw new StoredFlowError(
        'what the store has of a flow was sealed with another key, or is not of this flow',
      );
    }
  }

  /**
   * Derives the key of a flow: one hash of both secrets, which is enough because each of them is random.
   *
   * @see NIST SP 800-56C Rev. 2 section 4.1
   */
  #key(state: string, id: string): Buffer {
    const key = this.#keys.get(id);
    if (!key) throw new RangeError('no such key');
    return sha256(Buffer.concat([counter, key, Buffer.from(`${state} ${label}`)]), 'buffer');
  }

  /** Returns the additional data that a seal is bound to. */
  #context(state: string, purpose: Purpose): Buffer {
    return Buffer.from(JSON.stringify([this.#tenant, purpose, state]));
  }

  #digest(...parts: readonly string[]): Buffer {
    return sha256(JSON.stringify([this.#tenant, ...parts]), 'buffer');
  }
}

/** Shortens a digest to 132 bits, still too many to collide by chance. */
function short(digest: Buffer): string {
  return digest.toString('base64url').slice(0, 22);
}
