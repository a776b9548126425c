import type { Identity } from '../bridge/credentials.ts';
import type { BridgeInternals } from '../bridge/internals.ts';
import type { PageRecord } from './page-record.ts';

/** What this node knows of a page session. Times are by the store's clock. */
interface KnownPage {
  /** Name of the credential that began it; undefined if a link did. */
  readonly by: string | undefined;
  expiresAt: number;
  seenAt: number;
  /** The page's identity at the bridge of this node; undefined until the link is opened. */
  identity: Identity | undefined;
}

/** Maximum number of sessions that links began, and of those that one name began, at this node. */
export const maxPages = { links: 1_000, name: 100 } as const;

// A page that was seen this long ago and is not connected has been closed: the life of a ticket.
const absentMs = 60_000;

/** Page sessions that this node has begun, or whose pages have come to it. */
export class KnownPages {
  readonly #bridge: BridgeInternals;
  readonly #wall: () => number;
  readonly #pages = new Map<string, KnownPage>();

  /** @param wall Returns the time of the wall clock, by which identities expire. */
  constructor(bridge: BridgeInternals, wall: () => number) {
    this.#bridge = bridge;
    this.#wall = wall;
  }

  get size(): number {
    return this.#pages.size;
  }

  /** Ids of the sessions whose link was opened. */
  opened(): string[] {
    return [...this.#pages].flatMap(([id, { identity }]) => (identity ? [id] : []));
  }

  all(): string[] {
    return [...this.#pages.keys()];
  }

  /** Notes a session as the store has it. */
  note(id: string, { by, expiresAt, seenAt }: PageRecord): void {
    const identity = this.#pages.get(id)?.identity;
    // In order of their last sight.
    this.#pages.delete(id);
    this.#pages.set(id, { by: by?.name, expiresAt, seenAt, identity });
  }

  /** Returns the identity of an opened session; undefined if it is over, or its credential is not valid at this node. */
  identify(id: string, record: PageRecord): Identity | undefined {
    const { opened, by, expiresAt } = record;
    if (!opened || expiresAt <= this.#now()) return undefined;
    const known = this.#pages.get(id)?.identity;
    const identity = known && this.#bridge.isValid(known) ? known : this.#derive(by, expiresAt);
    if (!identity || !this.#bridge.isValid(identity)) return undefined;
    this.note(id, record);
    const page = this.#pages.get(id);
    if (page) page.identity = identity;
    return identity;
  }

  isConnected(id: string): boolean {
    const identity = this.#pages.get(id)?.identity;
    return identity !== undefined && this.#bridge.isConnected(identity);
  }

  /** Tells if the page of a session seems to be closed, as far as this node knows. */
  isAbsent(id: string): boolean {
    const page = this.#pages.get(id);
    return page?.identity !== undefined && isAbsent(page, this.#now()) && !this.isConnected(id);
  }

  /**
   * Returns false if a name, or all links together, have as many sessions in use as they may; or the session whose page seems to
   * be closed, which has to end for a new one.
   */
  roomFor(by: string | undefined): boolean | { readonly instead: string } {
    const now = this.#now();
    // Sessions that are over do not count.
    for (const [id, { expiresAt, identity }] of this.#pages)
      if (expiresAt <= now || (identity && !this.#bridge.isValid(identity))) this.#pages.delete(id);
    const others = [...this.#pages].filter(([, page]) => page.by === by).map(([id]) => id);
    if (others.length < (by === undefined ? maxPages.links : maxPages.name)) return true;
    const instead = others.find((id) => this.isAbsent(id));
    return instead !== undefined && { instead };
  }

  /** Forgets a session. Closes its connections at this node. */
  forget(id: string, reason: string): void {
    const identity = this.#pages.get(id)?.identity;
    this.#pages.delete(id);
    if (identity) this.#bridge.revokeIdentity(identity, reason);
  }

  #now(): number {
    return this.#bridge.store.now();
  }

  #derive(by: PageRecord['by'], until: number): Identity | undefined {
    const expiresAt = this.#wall() + until - this.#now();
    const change = { roles: ['monitor'], expiresAt } as const;
    if (by?.reference === undefined)
      return { name: by?.name ?? 'monitor page', tenant: by?.tenant, ...change };
    const parent = this.#bridge.byReference(by.reference);
    return parent && this.#bridge.derive(parent, change);
  }
}

/** Tells if a session was last seen so long ago that its page must have been closed. */
export function isAbsent({ seenAt }: { readonly seenAt: number }, now: number): boolean {
  return seenAt + absentMs <= now;
}
