import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { wallOf, type Clock } from '../base/clock.ts';
import { readOptions, type OptionTable } from '../base/options.ts';
import { sha256 } from '../base/sha256.ts';
import { accountOf } from '../store/flow-holder.ts';
import { requireInteger, show } from '../base/validate.ts';
import type { Role } from '../wire/protocol.ts';

/** Name and rights of a connection. */
export interface Identity {
  /** Name that operators see; not secret. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** Time at which the connection is closed, in milliseconds since the epoch. @default never */
  readonly expiresAt?: number | undefined;
  /** Ids of the only flows that the connection may resume; it can begin none then. @default all */
  readonly flows?: readonly string[] | undefined;
  /**
   * Name of the tenant whose flows and events the connection may use, 1 to 128 characters without control characters.
   *
   * @default the service's own
   */
  readonly tenant?: string | undefined;
  /** Bounds on all connections of this name together. They lower those of the bridge, and never raise them. @default none */
  readonly limits?: IdentityLimits | undefined;
}

/** Answer of `authenticate` that rejects a program, and tells the operator why. The program gets a status only. */
export interface RejectedCredential {
  /** Reason in one sentence without a full stop, for logs. It must contain no secret. */
  readonly rejected: string;
  /** Name of the program, if it is proven. @default none */
  readonly name?: string | undefined;
  /** True if the program should try again later: it gets 503 instead of 401. @default false */
  readonly retry?: boolean | undefined;
}

/** Bounds on all connections of one name together. Each is optional, and a whole number of at least 1. */
export interface IdentityLimits {
  /** Connections at once. @default `limits.connectionsPerName` of the bridge */
  readonly connections?: number | undefined;
  /** Flows that have not ended. @default half of `maxFlows` of the server, or all if no other credential may begin flows */
  readonly flows?: number | undefined;
  /** Messages a second; connections that send more are read more slowly. @default ten times `limits.perSecond` of the bridge */
  readonly perSecond?: number | undefined;
}

const limitTable: OptionTable<IdentityLimits> = { connections: true, flows: true, perSecond: true };

/** Token of a program, with a name and rights. */
export interface BridgeToken extends Identity {
  /** At least 16 letters, digits and `-._~+/`, with `=` at the end if needed. */
  readonly token: string;
}

/** Form of a token that fits into an `Authorization` header. @see RFC 6750 section 2.1 */
const tokenForm = /^[\w\-.~+/]{16,}=*$/;

interface KnownToken {
  readonly digest: Buffer;
  readonly identity: Identity;
}

/** Tokens of a bridge, and the identities that they give. */
export class Credentials {
  readonly #wall: () => number;
  #tokens: readonly KnownToken[] = [];
  readonly #revoked = new WeakSet<Identity>();
  readonly #revokedNames = new Set<string>();
  /** Identity that each derived identity was derived from. */
  readonly #parents = new WeakMap<Identity, Identity>();

  /** @param clock Identities expire by its wall clock, because people write their dates. */
  constructor(tokens: readonly BridgeToken[], clock: Clock) {
    this.#wall = () => wallOf(clock);
    this.replace(tokens);
  }

  /** Replaces all tokens; revokes the identities of tokens that are missing from the new ones. */
  replace(tokens: readonly BridgeToken[]): void {
    for (const each of tokens) {
      const { token, name } = requireIdentity('tokens', each);
      if (!tokenForm.test(token)) {
        throw new InvalidOptionError(
          'tokens',
          `must have at least 16 characters, which are letters, digits and "-._~+/"; see the token ${name}`,
        );
      }
    }
    requireOneTenantEach(tokens);
    const before = this.#tokens;
    this.#tokens = tokens.map(({ token, ...identity }) => {
      this.#revokedNames.delete(accountOf(identity));
      // A token that has not changed keeps its connections.
      const same = before.find(
        (known) =>
          sha256(token, 'buffer').equals(known.digest) && isDeepStrictEqual(known.identity, identity),
      );
      return same ?? { digest: sha256(token, 'buffer'), identity };
    });
    for (const known of before) if (!this.#tokens.includes(known)) this.#revoked.add(known.identity);
  }

  /** Tells if a token has another name than this one, or is of another tenant. */
  hasOthersThan(account: Pick<Identity, 'name' | 'tenant'>): boolean {
    return this.#tokens.some(({ identity }) => accountOf(identity) !== accountOf(account));
  }

  /** Tells if a listener of the same tenant has another name. */
  hasOtherListener({ name, tenant }: Pick<Identity, 'name' | 'tenant'>): boolean {
    return this.#tokens.some(
      ({ identity }) =>
        identity.name !== name && identity.tenant === tenant && identity.roles.includes('listener'),
    );
  }

  /** Revokes every identity of this name. */
  revoke(name: string, tenant?: string): void {
    this.#revokedNames.add(accountOf({ name, tenant }));
  }

  /** Revokes one identity; other identities of its name stay valid. */
  revokeIdentity(identity: Identity): void {
    this.#revoked.add(identity);
  }

  /** Creates an identity with fewer rights, revoked together with `identity`. */
  derive(identity: Identity, change: Partial<Identity>): Identity {
    const derived = { ...identity, ...change };
    this.#parents.set(derived, identity);
    return derived;
  }

  /** Tells if an identity is neither revoked nor expired. */
  isValid(identity: Identity): boolean {
    const { expiresAt = Infinity } = identity;
    const parent = this.#parents.get(identity);
    if (parent && !this.isValid(parent)) return false;
    if (this.#revokedNames.has(accountOf(identity))) return false;
    return !this.#revoked.has(identity) && expiresAt > this.#wall();
  }

  /**
   * Returns a digest by which other nodes, and this one after a restart, find the token of an identity. Undefined unless the
   * identity comes from a token.
   */
  referenceOf(identity: Identity): string | undefined {
    const known = this.#tokens.find((each) => each.identity === identity);
    return known && referenceOf(known);
  }

  /** Returns the identity of the token that a reference is of, if this node has that token with the same name and roles. */
  byReference(reference: string): Identity | undefined {
    return this.#tokens.find((known) => referenceOf(known) === reference)?.identity;
  }

  /** Finds the identity of a request's bearer token. */
  byToken(request: IncomingMessage): Identity | undefined {
    const found = this.#find(request);
    return found && (found.expiresAt ?? Infinity) > this.#wall() ? found : undefined;
  }

  /** Finds the identity of a request's bearer token, even if the token is no longer valid. */
  knownBy(request: IncomingMessage): Identity | undefined {
    return this.#find(request);
  }

  /** Compares every token, so that timing reveals nothing. */
  #find({ headers }: IncomingMessage): Identity | undefined {
    const [, given] = /^Bearer +([\w\-.~+/]+=*)$/i.exec(headers.authorization ?? '') ?? [];
    if (given === undefined) return undefined;
    const sought = sha256(given, 'buffer');
    let found: Identity | undefined;
    for (const { digest: own, identity } of this.#tokens) if (timingSafeEqual(own, sought)) found = identity;
    return found;
  }
}

/** Throws `InvalidOptionError` if two tenants have one token: it would be that of the last one. */
function requireOneTenantEach(tokens: readonly BridgeToken[]): void {
  const first = new Map<string, BridgeToken>();
  for (const each of tokens) {
    const other = first.get(each.token) ?? each;
    first.set(each.token, other);
    if (other.tenant !== each.tenant)
      throw new InvalidOptionError(
        'tokens',
        `must give each token to one tenant only; see the tokens ${nameIn(other)} and ${nameIn(each)}`,
      );
  }
}

function nameIn({ name, tenant }: BridgeToken): string {
  return tenant === undefined ? name : `${name} of ${tenant}`;
}

/** Checks an identity that a program gives. Throws `InvalidOptionError` unless each of its members can be used. */
export function requireIdentity<T extends Identity>(option: string, identity: T): T {
  const { name, roles, expiresAt, tenant, limits }: Partial<Record<keyof Identity, unknown>> = identity;
  if (typeof name !== 'string' || !Array.isArray(roles))
    throw new InvalidOptionError(option, 'must give a name and roles');
  const unknown: unknown = roles.find((role) => role !== 'listener' && role !== 'monitor');
  if (unknown !== undefined)
    throw new InvalidOptionError(
      option,
      `must have the roles listener or monitor; ${name} has ${show(unknown)}`,
    );
  // Any other value would compare as expired, whatever it means.
  if (expiresAt !== undefined && (typeof expiresAt !== 'number' || Number.isNaN(expiresAt))) {
    throw new InvalidOptionError(
      option,
      `must have expiresAt in milliseconds since the epoch; ${name} has ${show(expiresAt)}`,
    );
  }
  if (tenant !== undefined && (typeof tenant !== 'string' || !/^\P{Cc}{1,128}$/u.test(tenant))) {
    throw new InvalidOptionError(
      option,
      `must have a tenant of 1 to 128 characters without control characters; ${name} has ${show(tenant)}`,
    );
  }
  if (limits !== undefined) requireLimits(`${option}.limits`, name, limits);
  return identity;
}

function requireLimits(option: string, name: string, limits: unknown): void {
  const owner = { of: `the limits of ${name}`, prefix: `${option}.` };
  const read = readOptions(limits as IdentityLimits, limitTable, owner, {});
  for (const [each, value] of Object.entries(read))
    requireInteger(`${option}.${each}`, value, 1, 2 ** 31 - 1);
}

function referenceOf({ digest, identity: { name, roles, tenant } }: KnownToken): string {
  const parts = [
    digest.toString('base64url'),
    name,
    [...roles].sort(),
    ...(tenant === undefined ? [] : [tenant]),
  ];
  return sha256(JSON.stringify(parts), 'base64url');
}
