import type { Identity } from '../bridge/credentials.ts';
import type { BridgeInternals } from '../bridge/internals.ts';
import { wallOf, type Clock } from '../base/clock.ts';
import type { Report } from '../base/isolated-observable.ts';
import { randomToken } from '../base/random.ts';
import { sha256 } from '../base/sha256.ts';
import { TooManyLinksError } from './errors.ts';
import { isAbsent, KnownPages, maxPages } from './known-pages.ts';
import type { MonitorSettings } from './options.ts';
import { addTab, showPass, type PageRecord } from './page-record.ts';
import { PageStore, type KeptPage } from './page-store.ts';

/** Passes of a request: the one that is shown, its successor, and the first pass of another tab that is to be let in. */
export interface Passes {
  readonly pass: string;
  readonly next: string;
  readonly tab?: string | undefined;
}

/** Id of a page session, or why there is none. */
export type Page = { readonly id: string } | PageRefusal;

/** Why a page gets no ticket. */
export type PageRefusal = 'unknown' | 'copied' | 'too_many';

// How often a node looks if another one has ended a session, and how often it says that a page is connected to it. Both together
// are far less than the time after which a page counts as absent.
const lookMs = 5_000;
const tellMs = 20_000;

// Each time, another request was faster.
const maxAttempts = 50;

/** A pass as a page generates it: 32 random bytes, as in `randomToken`. */
const passForm = /^[\w-]{43}$/;

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
  readonly #known: KnownPages;
  /** Links that the store does not have yet. */
  readonly #writing = new Set<Promise<unknown>>();
  #look: (() => void) | undefined;
  #closed = false;

  constructor(bridge: BridgeInternals, clock: Clock, settings: MonitorSettings, report: Report) {
    this.#bridge = bridge;
    this.#clock = clock;
    this.#settings = settings;
    this.#report = report;
    const { path, linkTtl, pageSessionTtl } = settings;
    this.#store = new PageStore(bridge.records, { path, ttl: linkTtl + pageSessionTtl });
    this.#known = new KnownPages(bridge, () => wallOf(clock));
  }

  /**
   * Creates a page session for a link. Returns its first pass.
   *
   * @throws TooManyLinksError if too many links and their pages are in use; none of them is ended for a new one.
   */
  link(): string {
    if (!this.#makeRoom(undefined))
      throw new TooManyLinksError(`${maxPages.links} links to the monitor page are in use`);
    const pass = randomToken();
    const id = randomToken();
    const now = this.#now();
    const tabs = [{ passes: [digestOf(pass)], shownAt: now }];
    const record = { opened: false, expiresAt: now + this.#settings.linkTtl, seenAt: now, tabs };
    this.#known.note(id, record);
    const written = this.#add(id, record)
      .catch(this.#report)
      .finally(() => this.#writing.delete(written));
    this.#writing.add(written);
    return pass;
  }

  /** Shows a pass. */
  async resume({ pass, next, tab }: Passes): Promise<Page> {
    if (!passForm.test(next) || (tab !== undefined && !passForm.test(tab))) return 'unknown';
    await Promise.all(this.#writing);
    const id = await this.#store.idOf(digestOf(pass));
    if (id === undefined) return 'unknown';
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const page = await this.#show(id, { pass, next, tab });
      if (page) return page;
    }
    throw new Error('the page session was changed again and again');
  }

  /** Begins a page session with a credential of the bridge. */
  async begin(by: Identity, next: string): Promise<Page> {
    if (!passForm.test(next)) return 'unknown';
    const now = this.#now();
    const left = (by.expiresAt ?? Infinity) - wallOf(this.#clock);
    const record: PageRecord = {
      by: { name: by.name, tenant: by.tenant, reference: this.#bridge.referenceOf(by) },
      opened: true,
      expiresAt: now + Math.min(this.#settings.pageSessionTtl, left),
      seenAt: now,
      tabs: [{ passes: [digestOf(next)], shownAt: now }],
    };
    const before = await this.#begun(by, next);
    if (before !== undefined) return { id: before };
    if (!this.#makeRoom(by.name)) return 'too_many';
    const id = randomToken();
    // First, so that it counts for those that begin meanwhile.
    this.#identify(id, record);
    let added = false;
    try {
      added = await this.#add(id, record);
    } finally {
      if (!added) this.#known.forget(id, 'the page session was not begun');
    }
    return added ? { id } : 'unknown';
  }

  /** Resolves with the identity of a page session; undefined if it has ended. */
  async identityOf(id: string): Promise<Identity | undefined> {
    const kept = await this.#read(id);
    return kept && this.#identify(id, kept.record);
  }

  /** Closes every page of this node. If other nodes share the store, their monitors go on with these page sessions. */
  close(): void {
    this.#closed = true;
    this.#look?.();
    for (const id of this.#known.all()) {
      this.#known.forget(id, 'the monitor was closed');
      if (!this.#bridge.shared) this.#end(id).catch(this.#report);
    }
  }

  #now(): number {
    return this.#bridge.store.now();
  }

  /** Shows a pass of a session. Resolves with undefined if another request has changed the session meanwhile. */
  async #show(id: string, { pass, next, tab }: Passes): Promise<Page | undefined> {
    const kept = await this.#store.read(id);
    if (kept?.record.copied) return 'copied';
    if (!kept || (kept.record.opened && !this.#identify(id, kept.record))) return 'unknown';
    const { pageSessionTtl } = this.#settings;
    const shown = showPass(kept.record, digestOf(pass), digestOf(next), { now: this.#now(), pageSessionTtl });
    if (shown === 'copied') {
      await this.#end(id, { copied: true });
      return 'copied';
    }
    const after = shown === 'unknown' || tab === undefined ? shown : addTab(shown, digestOf(tab));
    if (after === 'unknown') return 'unknown';
    // Before the session, because a pass that is in no session can be shown again, and one that nothing leads to cannot.
    const passes = [next, ...(tab === undefined ? [] : [tab])].map(digestOf);
    if (!(await this.#store.claim(id, passes))) return 'unknown';
    if (!(await this.#store.write(id, kept.version, after.record))) return undefined;
    this.#identify(id, after.record);
    await this.#store.forget(after.forgotten);
    return { id };
  }

  /** Resolves with the session that this request has begun already, if its answer was lost. */
  async #begun(by: Identity, next: string): Promise<string | undefined> {
    const id = await this.#store.idOf(digestOf(next));
    const kept = id === undefined ? undefined : await this.#read(id);
    if (id === undefined || kept?.record.by?.name !== by.name) return undefined;
    const isFirst =
      kept.record.by.reference === this.#bridge.referenceOf(by) && kept.record.tabs.length === 1;
    return isFirst && kept.record.tabs[0]?.passes.length === 1 ? id : undefined;
  }

  async #add(id: string, record: PageRecord): Promise<boolean> {
    const passes = record.tabs.flatMap((tab) => tab.passes);
    return (await this.#store.claim(id, passes)) && this.#store.write(id, undefined, record);
  }

  async #read(id: string): Promise<KeptPage | undefined> {
    const kept = await this.#store.read(id);
    return kept?.record.copied ? undefined : kept;
  }

  #identify(id: string, record: PageRecord): Identity | undefined {
    if (this.#closed) return undefined;
    const identity = this.#known.identify(id, record);
    if (this.#bridge.shared) this.#look ??= this.#clock.after(lookMs, () => void this.#lookAtAll());
    return identity;
  }

  /** Makes room for a session at the limit. Returns false if none can end for it. */
  #makeRoom(by: string | undefined): boolean {
    const room = this.#known.roomFor(by);
    if (typeof room === 'boolean') return room;
    this.#known.forget(room.instead, 'newer pages have taken its place');
    this.#end(room.instead, { ifAbsent: true }).catch(this.#report);
    return true;
  }

  /** Ends a session in the store, and its connections at this node. */
  async #end(id: string, { copied = false, ifAbsent = false } = {}): Promise<void> {
    await Promise.all(this.#writing);
    for (;;) {
      const kept = await this.#read(id);
      if (!kept) break;
      // It has come back, perhaps to another node.
      if (ifAbsent && !isAbsent(kept.record, this.#now())) {
        this.#identify(id, kept.record);
        return;
      }
      if (await this.#store.end(id, kept, { copied })) break;
    }
    this.#known.forget(
      id,
      copied ? 'a pass of the page session was shown twice, so it was copied' : 'the page session has ended',
    );
  }

  /** Looks at what other nodes have done to the sessions of this one. */
  async #lookAtAll(): Promise<void> {
    // While the store cannot be reached, pages go on; the command that failed has been reported.
    await Promise.all(this.#known.opened().map((id) => this.#lookAt(id).catch(() => undefined)));
    this.#look = undefined;
    if (this.#known.size > 0 && !this.#closed)
      this.#look = this.#clock.after(lookMs, () => void this.#lookAtAll());
  }

  async #lookAt(id: string): Promise<void> {
    const kept = await this.#read(id);
    const now = this.#now();
    if (!kept || kept.record.expiresAt <= now) {
      this.#known.forget(id, 'the page session has ended');
      return;
    }
    const { record, version } = kept;
    const seen = this.#known.isConnected(id) && record.seenAt + tellMs <= now;
    if (seen) await this.#store.write(id, version, { ...record, seenAt: now });
    else this.#known.note(id, record);
  }
}

/** Digest of a pass: the store keeps no pass. */
function digestOf(pass: string): string {
  return sha256(pass, 'base64url').slice(0, 22);
}
