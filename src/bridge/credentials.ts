import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { wallOf, type Clock } from '../base/clock.ts';
import { requireInteger } from '../base/validate.ts';
import { TooManyTicketsError } from '../model/errors.ts';
import { randomToken } from '../base/random.ts';
import { sha256 } from '../base/sha256.ts';
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
}

/** Token of a program, with a name and rights. */
export interface BridgeToken extends Identity {
  /** At least 16 letters, digits and `-._~+/`, with `=` at the end if needed. */
  readonly token: string;
}

/** Options of `issueTicket`: rights of the page that uses the ticket. */
export interface TicketOptions {
  /** Origin of the page that will use the ticket. */
  origin: string;
  /** Name that operators see. @default 'ticket' */
  name?: string;
  /** Roles of the page. @default ['listener'] */
  roles?: readonly Role[];
  /** Ids of the only flows that the page may resume; it can begin none then. @default all */
  flows?: readonly string[];
  /** Milliseconds until an unused ticket expires, at most 60,000. @default 60_000 */
  ttl?: number;
}

interface Ticket {
  identity: Identity;
  origin: string;
  expiresAt: number;
}

// Tickets expire after a minute; a program that issues more than this in a minute has a fault.
const maxTickets = 10_000;
// A page needs one at a time, and repeats a request whose answer was lost.
const maxTicketsOfPage = 8;

/** Form of a token that fits into an `Authorization` header. @see RFC 6750 section 2.1 */
const tokenForm = /^[\w\-.~+/]{16,}=*$/;

/** Tokens and tickets of a bridge. */
export class Credentials {
  readonly #now: () => number;
  readonly #wall: () => number;
  #tokens: readonly { digest: Buffer; identity: Identity }[] = [];
  readonly #revoked = new WeakSet<Identity>();
  readonly #revokedNames = new Set<string>();
  /** Identity that each derived identity was derived from. */
  readonly #parents = new WeakMap<Identity, Identity>();
  readonly #tickets = new Map<string, Ticket>();

  /** @param clock Tickets expire by it, and identities by its wall clock, because people write their dates. */
  constructor(tokens: readonly BridgeToken[], clock: Clock) {
    this.#now = () => clock.now();
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
    const before = this.#tokens;
    this.#tokens = tokens.map(({ token, ...identity }) => {
      this.#revokedNames.delete(identity.name);
      // A token that has not changed keeps its connections.
      const same = before.find(
        (known) =>
          sha256(token, 'buffer').equals(known.digest) && isDeepStrictEqual(known.identity, identity),
      );
      return same ?? { digest: sha256(token, 'buffer'), identity };
    });
    for (const known of before) if (!this.#tokens.includes(known)) this.#revoked.add(known.identity);
  }

  /** Tells if a listener's token has another name than this one. */
  hasOthersThan(name: string): boolean {
    return this.#tokens.some(({ identity }) => identity.name !== name && identity.roles.includes('listener'));
  }

  /** Revokes every identity of this name. */
  revoke(name: string): void {
    this.#revokedNames.add(name);
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
    const { name, expiresAt = Infinity } = identity;
    const parent = this.#parents.get(identity);
    if (parent && !this.isValid(parent)) return false;
    return !this.#revokedNames.has(name) && !this.#revoked.has(identity) && expiresAt > this.#wall();
  }

  issueTicket({ origin, name = 'ticket', roles = ['listener'], flows, ttl = 60_000 }: TicketOptions): string {
    requireInteger('ttl', ttl, 1, Number.MAX_SAFE_INTEGER);
    return this.#issue({ name, roles, flows }, origin, ttl);
  }

  /** Issues a single-use ticket, with which a page of `origin` has this identity. Only its own last ones stay valid. */
  ticketFor(identity: Identity, origin: string): string {
    const own: string[] = [];
    for (const [each, ticket] of this.#tickets) if (ticket.identity === identity) own.push(each);
    // Those whose answer was lost, so that the page has asked again.
    for (const each of own.slice(0, Math.max(0, own.length - maxTicketsOfPage + 1)))
      this.#tickets.delete(each);
    return this.#issue(identity, origin, 60_000);
  }

  /** Issues a ticket. None that waits to be used makes room for it. */
  #issue(identity: Identity, origin: string, ttl: number): string {
    const now = this.#now();
    if (this.#tickets.size >= maxTickets)
      for (const [each, { expiresAt }] of this.#tickets) if (expiresAt <= now) this.#tickets.delete(each);
    if (this.#tickets.size >= maxTickets)
      throw new TooManyTicketsError(`${maxTickets} tickets are unused; wait until some are used or expire`);
    const ticket = randomToken();
    this.#tickets.set(ticket, { identity, origin, expiresAt: now + Math.min(ttl, 60_000) });
    return ticket;
  }

  /** Finds the identity of a request's bearer token. */
  byToken(request: IncomingMessage): Identity | undefined {
    const found = this.#find(request);
    return found && (found.expiresAt ?? Infinity) > this.#wall() ? found : undefined;
  }

  /** Gives the name of a request's bearer token, even if the token is no longer valid. */
  nameOf(request: IncomingMessage): string | undefined {
    return this.#find(request)?.name;
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

  /** Uses up a ticket, and returns its identity if the ticket is known, has not expired and comes from its origin. */
  byTicket(ticket: string, origin: string | undefined): Identity | 'wrong_origin' | undefined {
    const found = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    if (!found || found.expiresAt <= this.#now()) return undefined;
    return found.origin === origin ? found.identity : 'wrong_origin';
  }
}

/** Checks an identity that a program returns. Throws `InvalidOptionError` unless it has a name and roles. */
export function requireIdentity<T extends Identity>(option: string, identity: T): T {
  const { name, roles }: { name: unknown; roles: unknown } = identity;
  if (typeof name !== 'string' || !Array.isArray(roles))
    throw new InvalidOptionError(option, 'must give a name and roles');
  return identity;
}
