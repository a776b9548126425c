import type { Clock } from '../base/clock.ts';
import { systemClock } from '../base/clock.ts';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { isSecure } from '../base/loopback.ts';
import { readOptions, type OptionTable } from '../base/options.ts';
import { invalid, requireInteger, requireOneOf, show } from '../base/validate.ts';

/** Options of `jwtAuthentication`. */
export interface JwtOptions {
  /** URL of the issuer's key set (JWKS): https, or http on loopback. It must answer without a redirect. */
  jwks: string | URL;
  /** Issuers whose JWTs are accepted: the claim `iss` must be one of them, letter by letter. */
  issuer: string | readonly string[];
  /** Names of this service at the issuer: the claim `aud` must have one of them. */
  audience: string | readonly string[];
  /** Asymmetric algorithms of signatures that are accepted. @default all that `jose` knows */
  algorithms?: readonly string[];
  /** Milliseconds that the clocks of issuer and service may differ, at most 600,000. @default 30_000 */
  clockTolerance?: number;
  /** Names of the claims that are read. @default those of `JwtClaims` */
  claims?: JwtClaims;
  /** Milliseconds that reading the key set may take, 1 to 60,000. @default 3_000 */
  timeout?: number;
  /** Called if the key set cannot be read, with a sentence that says why. @default ignores it */
  report?: (error: Error) => void;
  /** Source of time. @default the system's clock */
  clock?: Clock;
}

/** Names of the claims that `jwtAuthentication` reads. */
export interface JwtClaims {
  /** Claim with the name of the program, such as `client_id`. @default 'sub' */
  name?: string;
  /** Claim with the roles, `listener` and `monitor`: a list, or a text with spaces. Other words are ignored. @default 'scope' */
  roles?: string;
  /** Claim with the name of the tenant; a JWT without it is of the service itself. @default 'tenant' */
  tenant?: string;
  /** Claim with `{ connections, flows, perSecond }`, as `limits` of a token. @default 'limits' */
  limits?: string;
}

/** Options of `jwtAuthentication` that were read. */
export type JwtSettings = Required<Omit<JwtOptions, 'jwks' | 'issuer' | 'audience' | 'claims'>> & {
  readonly jwks: URL;
  readonly issuer: string[];
  readonly audience: string[];
  readonly claims: Required<JwtClaims>;
};

/** Algorithms whose keys can be published. Those with a shared secret are missing, because a published key is none. */
export const asymmetricAlgorithms = [
  ...['RS256', 'RS384', 'RS512'],
  ...['PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512'],
  ...['EdDSA', 'Ed25519'],
] as const;

const defaults = {
  algorithms: asymmetricAlgorithms as readonly string[],
  clockTolerance: 30_000,
  claims: {} as JwtClaims,
  timeout: 3_000,
  report: ((): void => undefined) as (error: Error) => void,
  clock: systemClock,
};

const claimDefaults: Required<JwtClaims> = {
  name: 'sub',
  roles: 'scope',
  tenant: 'tenant',
  limits: 'limits',
};

export const jwtOptionTable: OptionTable<JwtOptions> = {
  jwks: true,
  issuer: true,
  audience: true,
  algorithms: true,
  clockTolerance: true,
  claims: true,
  timeout: true,
  report: true,
  clock: true,
};

const claimTable: OptionTable<JwtClaims> = { name: true, roles: true, tenant: true, limits: true };

export function readJwtOptions(given: JwtOptions): JwtSettings {
  const options = readOptions(given, jwtOptionTable, { of: 'jwtAuthentication' }, defaults);
  const { algorithms, clockTolerance, timeout } = options;
  const claims = readOptions(options.claims, claimTable, { of: 'claims', prefix: 'claims.' }, claimDefaults);
  for (const [name, value] of Object.entries<string>({ ...claims })) requireNames(`claims.${name}`, value);
  requireNames('algorithms', algorithms);
  for (const each of algorithms) requireOneOf('algorithms', each, asymmetricAlgorithms);
  requireInteger('clockTolerance', clockTolerance, 0, 600_000);
  requireInteger('timeout', timeout, 1, 60_000);
  return {
    ...options,
    claims,
    jwks: readUrl(options.jwks),
    issuer: requireNames('issuer', options.issuer),
    audience: requireNames('audience', options.audience),
  };
}

function readUrl(given: string | URL): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (!url || !isSecure(url))
    throw invalid('jwks', 'be an https URL, or an http URL on loopback', url?.origin ?? given);
  // A log that names the URL must not show a password.
  if (url.username !== '' || url.password !== '')
    throw new InvalidOptionError('jwks', 'must not have a user name or a password');
  return url;
}

/** Checks a name, or a list of names. An empty list would accept nothing, and an empty name is a forgotten one. */
function requireNames(option: string, given: string | readonly string[]): string[] {
  const names: readonly unknown[] = typeof given === 'string' ? [given] : Array.isArray(given) ? given : [];
  const isName = (name: unknown): boolean => typeof name === 'string' && name !== '';
  if (names.length === 0 || !names.every(isName))
    throw new InvalidOptionError(
      option,
      `must be a text that is not empty, or a list of such; got ${show(given)}`,
    );
  return names as string[];
}
