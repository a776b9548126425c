import { createCipheriv, createDecipheriv } from 'node:crypto';
import { InvalidOptionError } from './invalid-option.ts';
import { randomToken } from './random.ts';
import { typeOf } from './validate.ts';

/** A key that the program has and its store does not. */
export interface SealingKey {
  /** Id of the key, part of each sealed text: 1 to 16 letters, digits, "-" and "_". */
  readonly id: string;
  /** 32 random bytes, or the same in base64url. */
  readonly key: Uint8Array | string;
}

const algorithm = 'aes-256-gcm';
const ivBytes = 12;
const tagBytes = 16;

type Derivation = (key: Uint8Array) => Uint8Array;

/** Seals texts with AES-256-GCM. The first key seals; all of them open. */
export class SealingKeys {
  readonly #keys = new Map<string, Uint8Array>();
  readonly #current: string;

  /** @throws InvalidOptionError unless each key has an id of its own and 32 bytes */
  constructor(keys: readonly SealingKey[]) {
    for (const { id, key } of keys) {
      if (typeof (id as unknown) !== 'string' || !/^[\w-]{1,16}$/.test(id) || this.#keys.has(id))
        throw new InvalidOptionError(
          'keys',
          'must each have an id of its own of 1 to 16 letters, digits, "-", "_"',
        );
      const bytes: unknown = typeof key === 'string' ? Buffer.from(key, 'base64url') : key;
      if (!(bytes instanceof Uint8Array) || bytes.length !== 32)
        throw new InvalidOptionError(
          'keys',
          `must each have 32 bytes; got ${bytes instanceof Uint8Array ? bytes.length : typeOf(bytes)} for ${id}`,
        );
      this.#keys.set(id, bytes);
    }
    // Without keys, texts are sealed with what `derive` makes of nothing.
    if (keys.length === 0) this.#keys.set('', new Uint8Array());
    this.#current = keys[0]?.id ?? '';
  }

  /**
   * Seals a text for a context: it cannot be opened in another one.
   *
   * @param derive Derives the key of the cipher from a sealing key.
   */
  seal(text: string, context: string, derive: Derivation = itself): string {
    const iv = Buffer.from(randomToken(ivBytes), 'base64url');
    const cipher = createCipheriv(algorithm, derive(this.#key(this.#current)), iv);
    cipher.setAAD(Buffer.from(context));
    const sealed = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `${this.#current}.${sealed.toString('base64url')}`;
  }

  /** Opens a sealed text. Throws unless it was sealed for this context, with one of the keys and the same derivation. */
  open(sealed: string, context: string, derive: Derivation = itself): string {
    const dot = sealed.indexOf('.');
    const bytes = Buffer.from(sealed.slice(dot + 1), 'base64url');
    const key = derive(this.#key(sealed.slice(0, dot)));
    const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, ivBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(Buffer.from(context));
    decipher.setAuthTag(bytes.subarray(-tagBytes));
    return Buffer.concat([decipher.update(bytes.subarray(ivBytes, -tagBytes)), decipher.final()]).toString();
  }

  #key(id: string): Uint8Array {
    const key = this.#keys.get(id);
    if (!key) throw new RangeError('no such key');
    return key;
  }
}

const itself: Derivation = (key) => key;
