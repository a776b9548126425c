import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { InvalidOptionError } from '../errors.ts';
import { randomToken } from '../pkce.ts';
import { requireInteger } from '../validate.ts';
import type { Role } from './protocol.ts';

/** Who a connection is. */
export interface Identity {
  /** For operators; no secret. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** Milliseconds since the epoch; the connection is closed then. */
  readonly expiresAt?: number | undefined;
  /** The only flows it may resume; it begins none. */
  readonly flows?: readonly string[] | undefined;
}

/** A named token of a program. */
export interface BridgeToken extends Identity {
  /** At least 16 characters. */
  readonly token: string;
}

/** What a browser's ticket is good for, once. */
export interface TicketOptions {
  /** The origin of the page that will use it. */
  origin: string;
  /** @default 'ticket' */
  name?: string;
  /** @default ['listener'] */
  roles?: readonly Role[];
  /** Restricts it to resuming these flows. */
  flows?: readonly string[];
  /** Milliseconds, at most 60,000. @default 60_000 */
  ttl?: number;
}

interface Ticket {
  identity: Identity;
  origin: string;
  expiresAt: number;
}

// An unused ticket costs its place for a minute; more than this in a minute is a fault of the program.
const mostTickets = 10_000;

/** What a program can send. @see RFC 6750 section 2.1 */
const tokenForm = /^[\w\-.~+/]{16,}=*$/;

/** The tokens and tickets a bridge takes. */
export class Credentials {
  readonly #now: () => number;
  #tokens: readonly { digest: Buffer; identity: Identity }[] = [];
  /** Identities whose token was taken back, and names that were revoked. */
  readonly #gone = new WeakSet<Identity>();
  readonly #revoked = new Set<string>();
  /** Whom an identity was derived from. */
  readonly #parents = new WeakMap<Identity, Identity>();
  readonly #tickets = new Map<string, Ticket>();

  constructor(tokens: readonly BridgeToken[], now: () => number) {
    this.#now = now;
    this.replace(tokens);
  }

  replace(tokens: readonly BridgeToken[]): void {
    for (const each of tokens) {
      const { token, name } = requireIdentity('tokens', each);
      if (!tokenForm.test(token)) {
        throw new InvalidOptionError(
          'tokens',
          `must be 16 or more letters, digits and "-._~+/", got something else for ${name}`,
        );
      }
    }
    const before = this.#tokens;
    this.#tokens = tokens.map(({ token, ...identity }) => {
      this.#revoked.delete(identity.name);
      // One that has not changed keeps its connections.
      const same = before.find(
        (known) => digest(token).equals(known.digest) && isDeepStrictEqual(known.identity, identity),
      );
      return same ?? { digest: digest(token), identity };
    });
    for (const known of before) if (!this.#tokens.includes(known)) this.#gone.add(known.identity);
  }

  revoke(name: string): void {
    this.#revoked.add(name);
  }

  /** Takes one identity back; others of its name stay. */
  withdraw(identity: Identity): void {
    this.#gone.add(identity);
  }

  /** Somebody less than `identity`, who stands no longer than that one does. */
  derive(identity: Identity, change: Partial<Identity>): Identity {
    const derived = { ...identity, ...change };
    this.#parents.set(derived, identity);
    return derived;
  }

  /** Whether the credential that made somebody this identity still holds. */
  stands(identity: Identity): boolean {
    const { name, expiresAt = Infinity } = identity;
    const parent = this.#parents.get(identity);
    if (parent && !this.stands(parent)) return false;
    return !this.#revoked.has(name) && !this.#gone.has(identity) && expiresAt > this.#now();
  }

  issueTicket({ origin, name = 'ticket', roles = ['listener'], flows, ttl = 60_000 }: TicketOptions): string {
    requireInteger('ttl', ttl, 1, Number.MAX_SAFE_INTEGER);
    return this.ticketFor({ name, roles, flows }, origin, ttl);
  }

  /** A single-use ticket that makes a page of `origin` this identity. */
  ticketFor(identity: Identity, origin: string, ttl = 60_000): string {
    const now = this.#now();
    for (const [ticket, { expiresAt }] of this.#tickets) {
      if (expiresAt > now && this.#tickets.size < mostTickets) break;
      this.#tickets.delete(ticket);
    }
    const ticket = randomToken();
    this.#tickets.set(ticket, { identity, origin, expiresAt: now + Math.min(ttl, 60_000) });
    return ticket;
  }

  /** By `Authorization: Bearer`. Every token is compared, so that the time taken tells nothing. */
  byToken(request: IncomingMessage): Identity | undefined {
    const [, given] = /^Bearer +([\w\-.~+/]+=*)$/i.exec(request.headers.authorization ?? '') ?? [];
    if (given === undefined) return undefined;
    const sought = digest(given);
    let found: Identity | undefined;
    for (const { digest: own, identity } of this.#tokens) if (timingSafeEqual(own, sought)) found = identity;
    return found && (found.expiresAt ?? Infinity) > this.#now() ? found : undefined;
  }

  /** A ticket is used up by looking, whatever comes of it. */
  byTicket(ticket: string, origin: string | undefined): Identity | 'wrong_origin' | undefined {
    const found = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    if (!found || found.expiresAt <= this.#now()) return undefined;
    return found.origin === origin ? found.identity : 'wrong_origin';
  }
}

/** Of what a program gives: without a name and roles, a connection would fail with its process. */
export function requireIdentity<T extends Identity>(option: string, identity: T): T {
  const { name, roles }: { name: unknown; roles: unknown } = identity;
  if (typeof name !== 'string' || !Array.isArray(roles))
    throw new InvalidOptionError(option, 'must give a name and roles');
  return identity;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
