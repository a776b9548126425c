import type * as Jose from 'jose';
import type { Clock } from '../base/clock.ts';
import type { JwtSettings } from './jwt-options.ts';

/** Keys of an issuer, as they were published at one time. */
export interface KeySet {
  /** Finds the key of a header. Rejects with an error of `jose` if there is none, or more than one. */
  readonly find: ReturnType<typeof Jose.createLocalJWKSet>;
  readonly readAt: number;
}

/** The key set of the issuer cannot be read. Its message says why. */
export class KeysUnavailableError extends Error {}

// Keys are read again after this time, so that one that the issuer has removed stops to count.
const freshMs = 600_000;
// While the issuer cannot be reached, keys that were read are used for this long.
const usableMs = 3_600_000;
// Anyone can send a JWT with an unknown key, and each must not cost the issuer a request.
const cooldownMs = 10_000;
// A key takes 200 to 3,000 bytes, with a chain of certificates.
const maxSetBytes = 262_144;

/** Reads the keys of an issuer when they are needed, keeps them, and reads them again. Many callers cause one request. */
export class JwtKeys {
  readonly #url: URL;
  readonly #timeout: number;
  readonly #clock: Clock;
  readonly #report: (error: Error) => void;
  readonly #load: () => Promise<typeof Jose>;
  #keys: KeySet | undefined;
  #failure: KeysUnavailableError | undefined;
  #askedAt = -Infinity;
  #reading: Promise<void> | undefined;

  /** @param load Loads `jose`. */
  constructor(
    { jwks, timeout, clock, report }: Pick<JwtSettings, 'jwks' | 'timeout' | 'clock' | 'report'>,
    load: () => Promise<typeof Jose>,
  ) {
    this.#url = jwks;
    this.#timeout = timeout;
    this.#clock = clock;
    this.#report = report;
    this.#load = load;
  }

  /** Resolves with the keys. Rejects with `KeysUnavailableError` if there are none that may be used. */
  async current(): Promise<KeySet> {
    if (!this.#keys || this.#age() >= freshMs) await this.#readIfDue();
    if (this.#keys && this.#age() < usableMs) return this.#keys;
    throw this.#failure ?? new KeysUnavailableError('the keys of the issuer were not read');
  }

  /** Resolves with keys that were read after these; undefined if there are none, or they were read too short a time ago. */
  async newerThan(keys: KeySet): Promise<KeySet | undefined> {
    if (this.#keys === keys) await this.#readIfDue();
    return this.#keys === keys ? undefined : this.#keys;
  }

  /** Reads the keys now. Rejects with `KeysUnavailableError` if that fails; keys that were read before are kept. */
  async reload(): Promise<void> {
    await this.#read();
    if (this.#failure) throw this.#failure;
  }

  #age(): number {
    return this.#clock.now() - (this.#keys?.readAt ?? -Infinity);
  }

  async #readIfDue(): Promise<void> {
    if (this.#reading || this.#clock.now() - this.#askedAt >= cooldownMs) await this.#read();
  }

  #read(): Promise<void> {
    this.#reading ??= this.#readOnce().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #readOnce(): Promise<void> {
    const readAt = (this.#askedAt = this.#clock.now());
    const { createLocalJWKSet } = await this.#load();
    try {
      const keys = await this.#fetch();
      this.#keys = { find: createLocalJWKSet(keys), readAt };
      this.#failure = undefined;
    } catch (error) {
      this.#failure = new KeysUnavailableError(
        `the keys at ${this.#url.origin}${this.#url.pathname} cannot be read: ${reasonOf(error, this.#timeout)}`,
      );
      this.#report(this.#failure);
    }
  }

  async #fetch(): Promise<Jose.JSONWebKeySet> {
    const response = await fetch(this.#url, {
      headers: { accept: 'application/jwk-set+json, application/json' },
      // The operator has named this place and no other.
      redirect: 'manual',
      signal: AbortSignal.timeout(this.#timeout),
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      const redirects = response.status >= 300 && response.status < 400;
      throw new UnusableKeysError(
        `the answer has status ${response.status}${redirects ? ', and redirects are not followed' : ''}`,
      );
    }
    return JSON.parse(await textOf(response)) as Jose.JSONWebKeySet;
  }
}

class UnusableKeysError extends Error {}

/** Reads a body, and stops once it is too long. */
async function textOf({ body }: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body ?? []) {
    size += part.length;
    if (size > maxSetBytes) throw new UnusableKeysError(`the answer has more than ${maxSetBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

/** Says why the keys were not read, without a word of the answer. */
function reasonOf(error: unknown, timeout: number): string {
  if (error instanceof UnusableKeysError) return error.message;
  if (error instanceof SyntaxError) return 'the answer is not JSON';
  const { name, code, cause } = error as NodeJS.ErrnoException & { readonly cause?: NodeJS.ErrnoException };
  if (name === 'TimeoutError') return `no whole answer within ${timeout} ms`;
  if (code === 'ERR_JWKS_INVALID') return 'the answer is not a set of keys';
  return `the request failed (${cause?.code ?? name})`;
}
