import { isDeepStrictEqual } from 'node:util';
import type { Identity } from '../../bridge/credentials.ts';
import type { BridgeInternals } from '../../bridge/internals.ts';
import { JwtAuthentication } from '../../bridge/jwt.ts';
import { readJwtOptions } from '../../bridge/jwt-options.ts';
import type { Authenticated, BridgeOptions, JwtOptions } from '../../bridge.ts';

/** Settings of JWTs, as flags, environment and file have them. */
type Given = Pick<JwtOptions, 'jwks' | 'issuer' | 'audience'>;

type Authenticate = NonNullable<BridgeOptions['authenticate']>;

/** Programs of the service that prove themselves by a JWT. Their issuer can be replaced while the service runs. */
export class Jwts {
  readonly #report: (error: Error) => void;
  #given: Given;
  #authentication: JwtAuthentication;
  /** Identity that all others are derived from, so that all can be revoked together. */
  #root: Identity = newRoot();
  #bridge: BridgeInternals | undefined;

  /** @throws {InvalidOptionError} if an option is out of range */
  constructor(given: Given, report: (error: Error) => void) {
    this.#report = report;
    this.#given = given;
    this.#authentication = this.#create(given);
  }

  /** Lets the bridge revoke what this has identified. Called before the bridge listens. */
  serve(bridge: BridgeInternals): void {
    this.#bridge = bridge;
  }

  readonly authenticate: Authenticate = async (request): Promise<Authenticated> => {
    const [authentication, root] = [this.#authentication, this.#root];
    const found = await authentication.identify(request);
    if (!found || 'rejected' in found) return found;
    return this.#bridge?.derive(root, found) ?? found;
  };

  /** Reads the keys. Resolves with false if that has failed, which was reported; keys that were read before are used on. */
  readKeys(): Promise<boolean> {
    return this.#authentication.readKeys().then(
      () => true,
      () => false,
    );
  }

  /** Replaces the settings, and closes the connections of other ones before. Throws `InvalidOptionError`, and then changes nothing. */
  renew(given: Given): void {
    if (isDeepStrictEqual(given, this.#given)) return;
    this.#authentication = this.#create(given);
    this.#given = given;
    const before = this.#root;
    this.#root = newRoot();
    this.#bridge?.revokeIdentity(before, 'the settings of JWTs have changed');
  }

  #create(given: Given): JwtAuthentication {
    return new JwtAuthentication(readJwtOptions({ ...given, report: this.#report }));
  }
}

/** Its name is that of no program, because a JWT has no empty name. */
function newRoot(): Identity {
  return { name: '', roles: [] };
}
