import { createHash, createPrivateKey, generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { inspect, type Inspect } from '../model/callback-response.ts';

/** A key of WebCrypto and its public half. */
export interface DpopKeyPair {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

/** Signature algorithm of the keys. */
export const dpopAlgorithm = 'ES256';

const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;

/**
 * Key that tokens are bound to: a server gives them, and an API takes them, only with a proof of this key. It is for the algorithm
 * ES256.
 *
 * Printing it shows the thumbprint and no key. {@link DpopKey.toJwk} returns the private key, for storage in a safe place.
 *
 * @see RFC 9449
 *
 * @example
 * import { DpopKey, signIn } from 'rx-oauth-callback/login';
 *
 * const dpop = DpopKey.generate();
 * signIn({ issuer: 'https://as.example', clientId: 'my-cli', dpop }).subscribe((event) => {
 *   if (event.type === 'exchanged') console.log(event.tokens.token_type); // dpop
 * });
 */
export class DpopKey {
  readonly #jwk: Readonly<JsonWebKey>;
  /** Thumbprint of the public key, which tokens and servers name it by. @see RFC 7638 */
  readonly thumbprint: string;

  private constructor(jwk: Readonly<JsonWebKey>) {
    this.#jwk = jwk;
    const { crv, kty, x, y } = jwk;
    this.thumbprint = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
  }

  /** Generates a key. */
  static generate(): DpopKey {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: curve.namedCurve });
    return new DpopKey(privateKey.export({ format: 'jwk' }));
  }

  /**
   * Creates a key from the private JWK that {@link DpopKey.toJwk} returned.
   *
   * @throws {InvalidOptionError} if it is no private key of the curve P-256
   */
  static fromJwk(jwk: Readonly<Record<string, unknown>>): DpopKey {
    try {
      const { kty, crv, x, y, d } = jwk;
      if (kty !== 'EC' || crv !== curve.namedCurve) throw new TypeError('another kind of key');
      const key = createPrivateKey({ key: { kty, crv, x, y, d } as JsonWebKey, format: 'jwk' });
      return new DpopKey(key.export({ format: 'jwk' }));
    } catch {
      // The error of Node could show the key.
      throw new InvalidOptionError('jwk', 'must be a private JWK of the curve P-256');
    }
  }

  /** Returns the private key as a JWK, for storage in a safe place. */
  toJwk(): Record<string, unknown> {
    return { ...this.#jwk };
  }

  /** Resolves with the key as WebCrypto and openid-client take it, for proofs of requests to an API. */
  async keyPair(): Promise<DpopKeyPair> {
    const { d, ...publicJwk } = this.#jwk;
    const [privateKey, publicKey] = await Promise.all([
      crypto.subtle.importKey('jwk', { ...publicJwk, ...(d !== undefined && { d }) }, curve, false, ['sign']),
      crypto.subtle.importKey('jwk', publicJwk, curve, true, ['verify']),
    ]);
    return { privateKey, publicKey };
  }

  /** Returns the thumbprint, for printing. */
  toJSON(): { thumbprint: string } {
    return { thumbprint: this.thumbprint };
  }

  toString(): string {
    return `DpopKey ${this.thumbprint}`;
  }

  /** @internal */
  [inspect](_depth: number, options: object, print: Inspect): string {
    return `DpopKey ${print(this.toJSON(), options)}`;
  }
}
