import type { IncomingMessage } from 'node:http';
import type * as Jose from 'jose';
import { wallOf } from '../base/clock.ts';
import { loadOptional, MissingPackageError } from '../base/optional-package.ts';
import type { Identity, RejectedCredential } from './credentials.ts';
import { identityFrom, nameFrom } from './jwt-claims.ts';
import { JwtKeys, KeysUnavailableError, type KeySet } from './jwt-keys.ts';
import { readJwtOptions, type JwtOptions, type JwtSettings } from './jwt-options.ts';

/** Outcome of `jwtAuthentication` for one request: undefined if the request has no JWT. */
export type JwtOutcome = Identity | RejectedCredential | undefined;

/**
 * Creates a function for `authenticate` of `createBridge` that identifies programs by a JWT of an issuer. A program sends it like a
 * token. Its connection ends when the JWT expires.
 *
 * Needs the package `jose`. Keys are read from `jwks` with the first JWT, again for a JWT with an unknown key and after ten
 * minutes. If they cannot be read then, those that are known are used for up to an hour.
 *
 * @throws {InvalidOptionError} if an option is missing, unknown or out of range
 * @see RFC 8725, RFC 9068 section 4
 *
 * @example
 * import { createOAuthCallbackServer } from 'rx-oauth-callback';
 * import { createBridge, jwtAuthentication } from 'rx-oauth-callback/bridge';
 *
 * const server = createOAuthCallbackServer({ port: 8080 });
 * const authenticate = jwtAuthentication({
 *   jwks: 'https://as.example/jwks',
 *   issuer: 'https://as.example',
 *   audience: 'https://sign-in.example/bridge',
 * });
 * const bridge = createBridge(server, { authenticate });
 * await bridge.listen();
 */
export function jwtAuthentication(options: JwtOptions): (request: IncomingMessage) => Promise<JwtOutcome> {
  const authentication = new JwtAuthentication(readJwtOptions(options));
  return (request) => authentication.identify(request);
}

// A name, two roles and what issuers add take 1,000 bytes. Node reads 16,384 bytes of headers.
const maxJwtLength = 8_192;

/** Three parts for a signature, five for encryption. */
const jwtForm = /^Bearer +([\w-]+(?:\.[\w-]*){2,4})$/i;

// An issuer that publishes keys without a `kid` has the old one and the new one.
const maxKeysTried = 8;

/** Header parameters with which a JWT names the key that it is to be checked with. */
const namesOwnKey = ['jwk', 'jku', 'x5u', 'x5c'];

/** Identifies programs by the JWTs of an issuer. */
export class JwtAuthentication {
  readonly #settings: JwtSettings;
  readonly #keys: JwtKeys;

  constructor(settings: JwtSettings) {
    this.#settings = settings;
    this.#keys = new JwtKeys(settings, loadJose);
  }

  async identify({ headers }: IncomingMessage): Promise<JwtOutcome> {
    const [, jwt] = jwtForm.exec(headers.authorization ?? '') ?? [];
    return jwt === undefined ? undefined : this.#check(jwt);
  }

  /** Reads the keys now. Rejects with `KeysUnavailableError` if that fails. */
  readKeys(): Promise<void> {
    return this.#keys.reload();
  }

  async #check(jwt: string): Promise<Identity | RejectedCredential> {
    if (jwt.length > maxJwtLength) return { rejected: `the JWT has more than ${maxJwtLength} characters` };
    const jose = await loadJose();
    // First, so that a request to the issuer needs a JWT that it could have made.
    const flaw = flawOfHeader(jwt, jose, this.#settings.algorithms);
    if (flaw !== undefined) return { rejected: flaw };
    try {
      const payload = await this.#verify(jwt, jose);
      const identity = identityFrom(payload, this.#settings);
      if (typeof identity !== 'string') return identity;
      return { rejected: identity, ...this.#named(payload) };
    } catch (error) {
      if (error instanceof KeysUnavailableError) return { rejected: error.message, retry: true };
      if (error instanceof MissingPackageError) throw error;
      // These errors of jose come after the check of the signature.
      const { payload } = error as { readonly payload?: Jose.JWTPayload };
      return { rejected: reasonOf(error as JoseError), ...(payload && this.#named(payload)) };
    }
  }

  #named(payload: Jose.JWTPayload): { name?: string } {
    const name = nameFrom(payload, this.#settings);
    return name === undefined ? {} : { name };
  }

  async #verify(jwt: string, jose: typeof Jose): Promise<Jose.JWTPayload> {
    const keys = await this.#keys.current();
    try {
      return await this.#verifyWith(keys, jwt, jose);
    } catch (error) {
      if (!mayBeOfNewKey.includes((error as JoseError).code)) throw error;
      const newer = await this.#keys.newerThan(keys);
      if (!newer) throw error;
      return this.#verifyWith(newer, jwt, jose);
    }
  }

  async #verifyWith({ find }: KeySet, jwt: string, { jwtVerify }: typeof Jose): Promise<Jose.JWTPayload> {
    const { issuer, audience, algorithms, clock, clockTolerance, claims } = this.#settings;
    const options: Jose.JWTVerifyOptions = {
      issuer,
      audience,
      algorithms: [...algorithms],
      currentDate: new Date(wallOf(clock)),
      clockTolerance: clockTolerance / 1_000,
      requiredClaims: ['exp', claims.name],
    };
    try {
      return (await jwtVerify(jwt, find, options)).payload;
    } catch (error) {
      if ((error as JoseError).code !== 'ERR_JWKS_MULTIPLE_MATCHING_KEYS') throw error;
      return tryEach(error as AsyncIterable<Jose.CryptoKey>, async (key) => {
        const { payload } = await jwtVerify(jwt, key, options);
        return payload;
      });
    }
  }
}

function loadJose(): Promise<typeof Jose> {
  return loadOptional('jose', () => import('jose'));
}

/** Errors after which the keys are read again; the second is that of a new key without a `kid`. */
const mayBeOfNewKey: readonly (string | undefined)[] = [
  'ERR_JWKS_NO_MATCHING_KEY',
  'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
];

type JoseError = Error & { readonly code?: string; readonly claim?: string; readonly reason?: string };

/** Verifies with one key after the other until the signature is right. */
async function tryEach<T>(
  keys: AsyncIterable<Jose.CryptoKey>,
  verify: (key: Jose.CryptoKey) => Promise<T>,
): Promise<T> {
  let failure: unknown = new Error('no key can be used');
  let tried = 0;
  for await (const key of keys) {
    try {
      return await verify(key);
    } catch (error) {
      if ((error as JoseError).code !== 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED') throw error;
      failure = error;
    }
    if (++tried === maxKeysTried) break;
  }
  throw failure;
}

/** Says why a JWT is rejected for its header; undefined if it is not. @see RFC 8725 sections 3.1, 3.5, 3.10 and 3.11 */
function flawOfHeader(
  jwt: string,
  { decodeProtectedHeader }: typeof Jose,
  algorithms: readonly string[],
): string | undefined {
  if (jwt.split('.').length !== 3) return 'the JWT is not signed but encrypted';
  let header: Readonly<Record<string, unknown>>;
  try {
    header = decodeProtectedHeader(jwt);
  } catch {
    return 'the JWT is malformed';
  }
  const { alg, typ } = header;
  if (typeof alg !== 'string' || !algorithms.includes(alg))
    return 'the algorithm (alg) of the JWT is not allowed';
  const own = namesOwnKey.find((each) => Object.hasOwn(header, each));
  if (own !== undefined) return `the JWT names a key of its own (${own})`;
  if (Object.hasOwn(header, 'crit')) return 'the JWT has an extension (crit) that the service does not know';
  // A JWT for another purpose, such as logout, is no credential.
  if (typ !== undefined && !(typeof typ === 'string' && /^(?:application\/)?(?:at\+)?jwt$/i.test(typ)))
    return 'the type (typ) of the JWT is neither JWT nor at+jwt';
  return undefined;
}

const reasons: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: 'the JWT has expired',
  ERR_JWT_INVALID: 'the JWT is malformed',
  ERR_JWS_INVALID: 'the JWT is malformed',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'the signature of the JWT is wrong',
  ERR_JWKS_NO_MATCHING_KEY: 'the JWT is signed with a key that its issuer does not publish',
};

/** Says why a JWT is rejected, without a word of it. */
function reasonOf({ code = '', claim = '', reason }: JoseError): string {
  if (code === 'ERR_JWT_CLAIM_VALIDATION_FAILED') return reasonOfClaim(claim, reason);
  return reasons[code] ?? 'the key of the JWT cannot be used';
}

function reasonOfClaim(claim: string, reason: string | undefined): string {
  if (reason === 'missing') return `the claim ${claim} of the JWT is missing`;
  if (reason === 'invalid') return `the claim ${claim} of the JWT is malformed`;
  if (claim === 'nbf') return 'the JWT is not valid yet (nbf)';
  return `the claim ${claim} of the JWT is not that of this service`;
}
