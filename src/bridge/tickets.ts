import type { Clock } from '../base/clock.ts';
import type { Report } from '../base/isolated-observable.ts';
import { randomToken } from '../base/random.ts';
import { requireInteger } from '../base/validate.ts';
import { TooManyTicketsError } from '../model/errors.ts';
import type { SharedRecords } from '../model/flow-store.ts';
import type { Role } from '../wire/protocol.ts';
import type { Identity } from './credentials.ts';

/** Options of `issueTicket`: rights of the page that uses the ticket. */
export interface TicketOptions {
  /** Origin of the page that will use the ticket. */
  origin: string;
  /** Name that operators see. @default 'ticket' */
  name?: string;
  /** Roles of the page. @default ['listener'] */
  roles?: readonly Role[];
  /** Tenant whose flows and events the page may use. @default the service's own */
  tenant?: string;
  /** Ids of the only flows that the page may resume; it can begin none then. @default all */
  flows?: readonly string[];
  /** Milliseconds until an unused ticket expires, at most 60,000. @default 60_000 */
  ttl?: number;
}

/** What a ticket stands for: an identity, or the page session of this id. */
export type TicketHolder =
  | { readonly identity: Identity; readonly page?: never }
  | { readonly page: string; readonly identity?: never };

/** A ticket that this node has issued and that was not used here. */
interface Unused {
  /** Id of the page session that it is for. */
  readonly page: string | undefined;
  readonly expiresAt: number;
  /** Resolves once the store has the ticket. */
  readonly written: Promise<unknown>;
}

const longestMs = 60_000;

// A program that issues more than this in a minute has a fault.
const maxUnused = 10_000;
// Each tab of a page needs one at a time, and repeats a request whose answer was lost.
const maxUnusedOfPage = 40;
// Looks for expired ones are this far apart, because each goes through all.
const sweepMs = 1_000;

/** Single-use tickets. Each node of a store knows the tickets of all its nodes, so that one truth decides who has used one. */
export class Tickets {
  readonly #records: SharedRecords;
  readonly #scope: string;
  readonly #clock: Clock;
  readonly #report: Report;
  readonly #unused = new Map<string, Unused>();
  #sweptAt = -Infinity;

  /** @param scope Bridge that the tickets are for. Its name is the same at all nodes. */
  constructor(records: SharedRecords, scope: string, clock: Clock, report: Report) {
    this.#records = records;
    this.#scope = scope;
    this.#clock = clock;
    this.#report = report;
  }

  /** Issues a ticket for a page of `origin`. */
  issue({
    origin,
    name = 'ticket',
    roles = ['listener'],
    tenant,
    flows,
    ttl = longestMs,
  }: TicketOptions): string {
    requireInteger('ttl', ttl, 1, Number.MAX_SAFE_INTEGER);
    return this.#add({ identity: { name, roles, tenant, flows } }, origin, ttl);
  }

  /**
   * Issues a ticket for the page of a page session. Of those that this node has issued to it, only the last ones stay valid.
   * Resolves once all nodes know it.
   */
  async issueForPage(page: string, origin: string): Promise<string> {
    const own = [...this.#unused].filter(([, unused]) => unused.page === page);
    // Those whose answer was lost, so that the page has asked again.
    for (const [each] of own.slice(0, Math.max(0, own.length - maxUnusedOfPage + 1)))
      this.#take(each).catch(this.#report);
    const ticket = this.#add({ page }, origin, longestMs);
    await this.#unused.get(ticket)?.written;
    return ticket;
  }

  /** Uses up a ticket. Resolves with its holder if it is known, has not expired and comes from its origin. */
  async use(ticket: string, origin: string | undefined): Promise<TicketHolder | 'wrong_origin' | undefined> {
    const text = await this.#take(ticket);
    if (text === undefined) return undefined;
    const { origin: only, ...holder } = JSON.parse(text) as TicketHolder & { origin: string };
    return only === origin ? holder : 'wrong_origin';
  }

  /** Resolves with the ticket's record for one caller, at whatever node it is. */
  async #take(ticket: string): Promise<string | undefined> {
    const unused = this.#unused.get(ticket);
    this.#unused.delete(ticket);
    await unused?.written;
    const record = await this.#records.read(this.#keyOf(ticket));
    const first = record && (await this.#records.replace(this.#keyOf(ticket), record.version, undefined, 0));
    return first ? record.text : undefined;
  }

  /** Issues a ticket. None that waits to be used makes room for it. */
  #add(holder: TicketHolder, origin: string, ttl: number): string {
    const now = this.#clock.now();
    if (this.#unused.size >= maxUnused) this.#sweep(now);
    if (this.#unused.size >= maxUnused)
      throw new TooManyTicketsError(
        `${maxUnused} tickets of the last minute were not used at this node; wait until some are used or expire`,
      );
    const ticket = randomToken();
    const keptMs = Math.min(ttl, longestMs);
    const text = JSON.stringify({ origin, ...holder });
    const written = this.#records.replace(this.#keyOf(ticket), undefined, text, keptMs);
    written.catch(this.#report);
    this.#unused.set(ticket, { page: holder.page, expiresAt: now + keptMs, written });
    return ticket;
  }

  #sweep(now: number): void {
    if (now - this.#sweptAt < sweepMs) return;
    this.#sweptAt = now;
    for (const [each, { expiresAt }] of this.#unused) if (expiresAt <= now) this.#unused.delete(each);
  }

  #keyOf(ticket: string): string {
    return `ticket ${this.#scope} ${ticket}`;
  }
}
