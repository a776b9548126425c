import { createCipheriv, createDecipheriv, hash } from 'node:crypto';
import { InvalidOptionError, StoredFlowError } from '../../errors.ts';
import { randomToken } from '../../pkce.ts';
import type { Arrival } from '../../redirect.ts';

/** A key of the service, which its nodes have and its store has not. */
export interface SealingKey {
  /** Names the key in what it seals: 1 to 16 letters, digits, "-" and "_". */
  readonly id: string;
  /** 32 random bytes, or the same in base64url. */
  readonly key: Uint8Array | string;
}

/** What a text is, and which one of its kind: one that stands elsewhere cannot be opened. */
type Purpose = 'flow' | 'response' | 'outcome';

const algorithm = 'aes-256-gcm';
const ivBytes = 12;
const tagBytes = 16;

// The counter of the only block of a key that there is, and what the key is for.
const counter = Buffer.from([0, 0, 0, 1]);
const label = 'rx-oauth-callback flow';

/**
 * Names flows and seals what is kept of them, by their state: the store, which is never told a state, cannot open it, nor
 * can a node to which neither the redirect nor the listener has come.
 */
export class Sealer {
  readonly #tenant: string;
  /** By id. The first one seals; what any of them has sealed can be opened. */
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
        throw new InvalidOptionError('keys', `must each have 32 bytes, got ${bytes.length} for ${id}`);
      this.#keys.set(id, bytes);
    }
    // Without keys, the state alone opens what is sealed.
    if (keys.length === 0) this.#keys.set('', new Uint8Array());
    this.#current = keys[0]?.id ?? '';
  }

  /** Names a flow by tenant and state. From the name no state can be had. */
  name(state: string): Buffer {
    return this.#digest('name', state);
  }

  /** Names the tenant. */
  get tenantName(): string {
    return short(this.#digest('tenant'));
  }

  /** What a redirect must come with, as a digest; without an issuer, whatever that is. */
  fits(state: string, { path, mode }: Arrival, issuer?: { iss: string | undefined }): string {
    const asked = issuer ? [path, mode, issuer.iss ?? ''] : [path, mode];
    return short(this.#digest('fits', state, ...asked));
  }

  /** The owner of a flow, by the key that the listener is known by. */
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

  /** Throws `StoredFlowError` for what was not sealed for this tenant, state and purpose with a key that is known. */
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
   * One hash of both secrets, each of them random. HKDF would do as well, in nine times the time, and leave objects that the
   * collector has to finalise.
   *
   * @see NIST SP 800-56C Rev. 2 section 4.1
   */
  #key(state: string, id: string): Buffer {
    const key = this.#keys.get(id);
    if (!key) throw new RangeError('no such key');
    return hash('sha256', Buffer.concat([counter, key, Buffer.from(`${state} ${label}`)]), 'buffer');
  }

  /** Not kept, so that it need not be a digest. */
  #context(state: string, purpose: Purpose): Buffer {
    return Buffer.from(JSON.stringify([this.#tenant, purpose, state]));
  }

  #digest(...parts: readonly string[]): Buffer {
    // Without an object of its own, each of which would make a pause of the garbage collector longer.
    return hash('sha256', JSON.stringify([this.#tenant, ...parts]), 'buffer');
  }
}

/** 132 bits are as hard to meet by chance. */
function short(digest: Buffer): string {
  return digest.toString('base64url').slice(0, 22);
}
