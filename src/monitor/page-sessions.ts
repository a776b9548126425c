import type { BridgeInternals } from '../bridge/internals.ts';
import type { Identity } from '../bridge/credentials.ts';
import { wallOf, type Clock } from '../base/clock.ts';
import type { Report } from '../base/isolated-observable.ts';
import { randomToken } from '../base/random.ts';
import { sha256 } from '../base/sha256.ts';
import { TooManyLinksError } from './errors.ts';
import type { MonitorSettings } from './options.ts';
import { addTab, showPass, type PageRecord, type Shown } from './page-record.ts';
import { PageStore, type KeptPage } from './page-store.ts';

/** What this node knows of a page session. */
interface KnownPage {
  /** Name of the credential that began it; undefined if a link did. */
  readonly by: string | undefined;
  expiresAt: number;
  /** Time at which its page asked this node for a ticket last, or its link was made. */
  shownAt: number;
  /** The page's identity at the bridge; undefined until the link is opened. */
  identity: Identity | undefined;
  /** True if the page was connected to no node when this one looked last. */
  away: boolean;
}

/** Passes of a request: the one that is shown, its successor, and the first pass of another tab that is to be let in. */
export interface Passes {
  readonly pass: string;
  readonly next: string;
  readonly tab?: string | undefined;
}

/** Why a page gets no ticket. */
export type PageRefusal = 'unknown' | 'copied' | 'too_many';

/** Maximum number of sessions that links began, and of those that one name began, at this node. */
export const maxSessions = { links: 1_000, name: 100 } as const;

// The life of a ticket.
const idleMs = 60_000;

// How often a node asks the store if another node has ended a session, and tells it that a page is connected.
const lookMs = 5_000;
const tellMs = 20_000;

// Each time, another node was faster.
const maxAttempts = 50;

/** A pass as a page generates it: 32 random bytes, as in `randomToken`. */
const passForm = /^[\w-]{43}$/;

const copiedReason = 'a pass of the page session was shown twice, so it was copied';

/**
 * Keeps the sessions of pages that may watch, for all nodes of the bridge's store. For each ticket a page shows a pass and names
 * its successor. Therefore a pass is valid for one page only, and a page can ask again if the answer was lost. A pass that is
 * shown with two different successors has been copied, even if the page has shown others since. Its session then ends for every
 * page.
 *
 * @see RFC 9700 section 4.14.2, which has the same rule for refresh tokens
 */
export class PageSessions {
  readonly #bridge: BridgeInternals;
  readonly #clock: Clock;
  readonly #settings: MonitorSettings;
  readonly #report: Report;
  readonly #store: PageStore;
  readonly #known = new Map<string, KnownPage>();
  /** Links that the store does not have yet. */
  readonly #writing = new Set<Promise<unknown>>();
  #look: (() => void) | undefined;

  constructor(bridge: BridgeInternals, clock: Clock, settings: MonitorSettings, report: Report) {
    this.#bridge = bridge;
    this.#clock = clock;
    this.#settings = settings;
    this.#report = report;
    this.#store = new PageStore(bridge.records, settings.linkTtl + settings.pageSessionTtl);
  }

  /**
   * Creates a page session for a link. Returns its first pass.
   *
   * @throws TooManyLinksError if too many links and their pages are in use; none of them is ended for a new one.
   */
  link(): string {
    const pass = randomToken();
    const digest = digestOf(pass);
    const id = randomToken();
    const now = this.#now();
    const expiresAt = now + this.#settings.linkTtl;
    if (!this.#makeRoom(undefined))
      throw new TooManyLinksError(`${maxSessions.links} links to the monitor page are in use`);
    this.#know(id, { by: undefined, expiresAt, shownAt: now, identity: undefined, away: false });
    const tabs = [{ passes: [digest], shownAt: now }];
    const written = this.#write(id, { opened: false, expiresAt, shownAt: now, tabs }, digest)
      .catch(this.#report)
      .finally(() => this.#writing.delete(written));
    this.#writing.add(written);
    return pass;
  }

  /** Shows a pass. Resolves with the id of its page session, or with why there is none. */
  async resume({ pass, next, tab }: Passes): Promise<{ page: string } | PageRefusal> {
    if (!passForm.test(next) || (tab !== undefined && !passForm.test(tab))) return 'unknown';
    await Promise.all(this.#writing);
    const id = await this.#store.idOf(digestOf(pass));
    if (id === undefined) return 'unknown';
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const shown = await this.#show(id, { pass, next, tab });
      if (shown) return typeof shown === 'string' ? shown : { page: id };
    }
    throw new Error('the page session was changed again and again');
  }

  /** Begins a page session with a credential of the bridge. */
  async begin(by: Identity, next: string): Promise<{ page: string } | PageRefusal> {
    if (!passForm.test(next)) return 'unknown';
    const now = this.#now();
    const expiresAt = Math.min(now + this.#settings.pageSessionTtl, by.expiresAt ?? Infinity);
    if (!this.#makeRoom(by.name)) return 'too_many';
    const id = randomToken();
    const identity = this.#bridge.derive(by, { roles: ['monitor'], expiresAt });
    // First, so that it counts for those that begin meanwhile.
    this.#know(id, { by: by.name, expiresAt, shownAt: now, identity, away: false });
    let written = false;
    try {
      const digest = digestOf(next);
      const credential = { name: by.name, reference: this.#bridge.referenceOf(by) };
      const tabs = [{ passes: [digest], shownAt: now }];
      written = await this.#write(
        id,
        { by: credential, opened: true, expiresAt, shownAt: now, tabs },
        digest,
      );
    } finally {
      if (!written) this.#known.delete(id);
    }
    return written ? { page: id } : 'unknown';
  }

  /** Resolves with the identity of a page session; undefined if it has ended. */
  async identityOf(id: string): Promise<Identity | undefined> {
    const kept = await this.#store.read(id);
    return kept && this.#identify(id, kept.record);
  }

  /** Closes every page of this node. With another monitor of the same store it may go on. */
  close(): void {
    this.#look?.();
    this.#look = undefined;
    for (const id of [...this.#known.keys()]) this.#forget(id, 'the monitor was closed');
  }

  #now(): number {
    return wallOf(this.#clock);
  }

  /** Resolves with undefined if the session was changed meanwhile. */
  async #show(id: string, { pass, next, tab }: Passes): Promise<Shown | PageRefusal | undefined> {
    const kept = await this.#store.read(id);
    if (!kept || (kept.record.opened && !this.#identify(id, kept.record))) return 'unknown';
    const now = this.#now();
    const { pageSessionTtl } = this.#settings;
    const shown = showPass(kept.record, digestOf(pass), digestOf(next), { now, pageSessionTtl });
    if (shown === 'copied') await this.#end(id, copiedReason);
    if (typeof shown === 'string') return shown;
    return this.#change(id, kept, tab === undefined ? shown : addTab(shown, digestOf(tab)), [next, tab]);
  }

  async #change(
    id: string,
    { version }: KeptPage,
    shown: Shown,
    passes: readonly (string | undefined)[],
  ): Promise<Shown | 'unknown' | undefined> {
    // First, because a pass whose session is not known yet is only rejected, and one that is in no record cannot be shown.
    for (const pass of passes)
      if (pass !== undefined && !(await this.#store.claim(digestOf(pass), id))) return 'unknown';
    if (!(await this.#store.write(id, version, shown.record))) return undefined;
    this.#identify(id, shown.record);
    await this.#store.forget(shown.forgotten);
    return shown;
  }

  async #write(id: string, record: PageRecord, pass: string): Promise<boolean> {
    return (await this.#store.claim(pass, id)) && this.#store.write(id, undefined, record);
  }

  /** Returns the identity of an opened session at this node; undefined if it is over, or its credential is not valid here. */
  #identify(id: string, { by, expiresAt, shownAt }: PageRecord): Identity | undefined {
    if (expiresAt <= this.#now()) return undefined;
    const known = this.#known.get(id);
    const identity = known?.identity ?? this.#derive(by, expiresAt);
    if (!identity || !this.#bridge.isValid(identity)) return undefined;
    if (known) Object.assign(known, { identity, expiresAt, shownAt, away: false });
    else this.#know(id, { by: by?.name, identity, expiresAt, shownAt, away: false });
    return identity;
  }

  #derive(by: PageRecord['by'], expiresAt: number): Identity | undefined {
    const roles = ['monitor'] as const;
    if (by?.reference === undefined) return { name: by?.name ?? 'monitor page', roles, expiresAt };
    const parent = this.#bridge.byReference(by.reference);
    return parent && this.#bridge.derive(parent, { roles, expiresAt });
  }

  #know(id: string, page: KnownPage): void {
    this.#known.set(id, page);
    if (this.#bridge.shared) this.#look ??= this.#clock.after(lookMs, () => void this.#lookAtAll());
  }

  /** Looks at what other nodes have done to the sessions of this one. */
  async #lookAtAll(): Promise<void> {
    for (const [id, page] of [...this.#known])
      // While the store cannot be reached, pages go on; whoever runs the command that failed has reported it.
      await this.#lookAt(id, page).catch(() => undefined);
    if (!this.#look) return;
    this.#look = undefined;
    if (this.#known.size > 0) this.#look = this.#clock.after(lookMs, () => void this.#lookAtAll());
  }

  async #lookAt(id: string, page: KnownPage): Promise<void> {
    const { identity } = page;
    const connected = identity !== undefined && this.#bridge.isConnected(identity);
    if (identity && !connected && page.away) return;
    await Promise.all(this.#writing);
    const kept = await this.#store.read(id);
    if (!kept) {
      this.#forget(id, 'the page session has ended at another node');
      return;
    }
    const { record, version } = kept;
    const now = this.#now();
    page.away = record.opened && !connected && record.shownAt + idleMs <= now;
    if (connected && record.shownAt + tellMs <= now)
      await this.#store.write(id, version, { ...record, shownAt: now });
  }

  /**
   * Tells if the page of a session seems to be closed: it has no connection, and has had the time to open one with its last
   * ticket.
   */
  #isIdle({ identity, shownAt, away }: KnownPage): boolean {
    if (identity && this.#bridge.isConnected(identity)) return false;
    return this.#bridge.shared ? away : identity !== undefined && shownAt + idleMs <= this.#now();
  }

  /**
   * Returns false if a name, or all links together, have as many sessions in use as they may. At the limit the oldest session
   * ends whose page seems to be closed.
   */
  #makeRoom(by: string | undefined): boolean {
    const now = this.#now();
    // Sessions that are over do not count.
    for (const [id, { expiresAt, identity }] of this.#known)
      if (expiresAt <= now || (identity && !this.#bridge.isValid(identity))) this.#known.delete(id);
    const others = [...this.#known].filter(([, page]) => page.by === by);
    if (others.length < (by === undefined ? maxSessions.links : maxSessions.name)) return true;
    const [idle] = others.find(([, page]) => this.#isIdle(page)) ?? [];
    if (idle !== undefined) this.#end(idle, 'newer pages have taken its place').catch(this.#report);
    return idle !== undefined;
  }

  async #end(id: string, reason: string): Promise<void> {
    this.#forget(id, reason);
    await this.#store.end(id);
  }

  #forget(id: string, reason: string): void {
    const identity = this.#known.get(id)?.identity;
    this.#known.delete(id);
    if (identity) this.#bridge.revokeIdentity(identity, reason);
  }
}

/** Digest of a pass: the store keeps no pass. */
function digestOf(pass: string): string {
  return sha256(pass, 'base64url').slice(0, 22);
}
