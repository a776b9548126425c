import type { BridgeInternals } from '../bridge/internals.ts';
import type { Identity } from '../bridge/credentials.ts';
import { randomToken } from '../base/random.ts';
import { TooManyLinksError } from './errors.ts';
import type { MonitorSettings } from './options.ts';

/** Session of a page that watches, or of a link that has not been opened yet. */
interface PageSession {
  /** Name of the credential that began it; undefined if a link did. */
  readonly by: string | undefined;
  /** The page's identity at the bridge; undefined until the link is opened. */
  identity: Identity | undefined;
  /** Time of expiry in milliseconds since the epoch. */
  expiresAt: number;
  /** Time at which its page asked for a ticket last, or its link was made. */
  shownAt: number;
  /** Passes of the session, each the successor of the one before. The page shows the last one next. */
  readonly passes: string[];
}

/** Maximum number of sessions that links began, and of those that one name began. */
export const maxSessions = { links: 1_000, name: 100 } as const;

// A page shows a pass for each connection. The link is always kept, because it is the pass that people copy.
const maxPasses = 100;

// The life of a ticket.
const idleMs = 60_000;

/** A pass as a page generates it: 32 random bytes, as in `randomToken`. */
const passForm = /^[\w-]{43}$/;

/**
 * Keeps the sessions of pages that may watch. For each ticket a page shows a pass and names its successor. Therefore a pass
 * is valid for one page only, and a page can ask again if the answer was lost. A pass that is shown with two different
 * successors has been copied, even if the page has shown others since. Its session then ends for every page.
 *
 * @see RFC 9700 section 4.14.2, which has the same rule for refresh tokens
 */
export class PageSessions {
  readonly #bridge: BridgeInternals;
  readonly #now: () => number;
  readonly #settings: MonitorSettings;
  readonly #sessions = new Set<PageSession>();
  readonly #byPass = new Map<string, PageSession>();

  constructor(bridge: BridgeInternals, now: () => number, settings: MonitorSettings) {
    this.#bridge = bridge;
    this.#now = now;
    this.#settings = settings;
  }

  /**
   * Creates a page session for a link. Returns its first pass.
   *
   * @throws TooManyLinksError if too many links and their pages are in use; none of them is ended for a new one.
   */
  link(): string {
    const pass = randomToken();
    const expiresAt = this.#now() + this.#settings.linkTtl;
    if (!this.#add({ by: undefined, identity: undefined, expiresAt, shownAt: this.#now(), passes: [pass] }))
      throw new TooManyLinksError(`${maxSessions.links} links to the monitor page are in use`);
    return pass;
  }

  /** Returns the identity of a page that shows a pass; undefined if the pass is not valid. */
  resume(pass: string, next: string): Identity | undefined {
    const session = this.#byPass.get(pass);
    if (!session || !passForm.test(next)) return undefined;
    const { passes } = session;
    const successor = passes[passes.indexOf(pass) + 1];
    if (this.#isOver(session) || (successor !== undefined && successor !== next)) {
      this.#end(session);
      return undefined;
    }
    // An old request that was sent again; the page has shown the successor since.
    if (successor !== undefined && successor !== passes.at(-1)) return undefined;
    if (successor === undefined) {
      if (this.#byPass.has(next)) return undefined;
      this.#append(session, next);
    }
    session.shownAt = this.#now();
    if (!session.identity) {
      session.expiresAt = this.#now() + this.#settings.pageSessionTtl;
      session.identity = { name: 'monitor page', roles: ['monitor'], expiresAt: session.expiresAt };
    }
    return session.identity;
  }

  /**
   * Begins a page session with a credential of the bridge. Returns undefined if the pass `next` cannot be used, and
   * `too_many` if the credential has begun too many.
   */
  begin(by: Identity, next: string): Identity | 'too_many' | undefined {
    if (!passForm.test(next) || this.#byPass.has(next)) return undefined;
    const expiresAt = Math.min(this.#now() + this.#settings.pageSessionTtl, by.expiresAt ?? Infinity);
    const identity = this.#bridge.derive(by, { roles: ['monitor'], expiresAt });
    const session = { by: by.name, identity, expiresAt, shownAt: this.#now(), passes: [next] };
    return this.#add(session) ? identity : 'too_many';
  }

  /** Ends all page sessions. */
  end(): void {
    for (const session of [...this.#sessions]) this.#end(session);
  }

  #isOver({ identity, expiresAt }: PageSession): boolean {
    return expiresAt <= this.#now() || (identity !== undefined && !this.#bridge.isValid(identity));
  }

  /**
   * Tells if the page of a session seems to be closed: it has no connection, and has had the time to open one with its last
   * ticket.
   */
  #isIdle({ identity, shownAt }: PageSession): boolean {
    return identity !== undefined && shownAt + idleMs <= this.#now() && !this.#bridge.isConnected(identity);
  }

  /**
   * Adds a session. Returns false if its name, or all links together, have as many in use as they may. At the limit the oldest
   * session ends whose page seems to be closed.
   */
  #add(session: PageSession): boolean {
    // Sessions that are over do not count.
    for (const other of [...this.#sessions]) if (this.#isOver(other)) this.#end(other);
    const others = [...this.#sessions].filter(({ by }) => by === session.by);
    if (others.length >= (session.by === undefined ? maxSessions.links : maxSessions.name)) {
      const idle = others.find((other) => this.#isIdle(other));
      if (!idle) return false;
      this.#end(idle);
    }
    this.#sessions.add(session);
    for (const pass of session.passes) this.#byPass.set(pass, session);
    return true;
  }

  #append(session: PageSession, pass: string): void {
    const { passes } = session;
    passes.push(pass);
    this.#byPass.set(pass, session);
    if (passes.length <= maxPasses) return;
    const [forgotten] = passes.splice(1, 1);
    if (forgotten !== undefined) this.#byPass.delete(forgotten);
  }

  #end(session: PageSession): void {
    this.#sessions.delete(session);
    for (const pass of session.passes) this.#byPass.delete(pass);
    if (session.identity) this.#bridge.revokeIdentity(session.identity);
  }
}
