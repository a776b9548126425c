import type { BridgeInternals } from '../bridge/internals.ts';
import type { Identity } from '../bridge/credentials.ts';
import { randomToken } from '../pkce.ts';
import type { MonitorSettings } from './options.ts';

/** One page that watches, or a link that nobody has opened. */
interface Visit {
  /** Who the page is to the bridge; undefined until the link is opened. */
  identity: Identity | undefined;
  /** Milliseconds since the epoch. */
  expiresAt: number;
  /** The pass that the page gives when it comes next. */
  current: string;
  /** The one it gave last. */
  used: string | undefined;
}

// An unopened link costs its place for minutes, a page for hours; more than this is a fault of the program.
const mostVisits = 1_000;

/** What a page makes a pass of: as hard to guess as one of ours. */
const passForm = /^[\w-]{43}$/;

/**
 * The pages that may watch. A page shows a pass for each ticket, and says with it which pass it will show next, so that
 * none is good for two pages, and an answer that is lost can be asked for again. A pass that comes with two successors has
 * been copied: then the visit is over for everybody.
 *
 * @see RFC 9700 section 4.14.2, which has the same for refresh tokens
 */
export class Visits {
  readonly #bridge: BridgeInternals;
  readonly #now: () => number;
  readonly #settings: MonitorSettings;
  readonly #byPass = new Map<string, Visit>();

  constructor(bridge: BridgeInternals, now: () => number, settings: MonitorSettings) {
    this.#bridge = bridge;
    this.#now = now;
    this.#settings = settings;
  }

  /** The first pass of a visit, for a link. */
  link(): string {
    const pass = randomToken();
    const expiresAt = this.#now() + this.#settings.linkTtl;
    this.#add({ identity: undefined, expiresAt, current: pass, used: undefined });
    return pass;
  }

  /** Who a page is that shows a pass; undefined where the pass is worth nothing. */
  resume(pass: string, next: string): Identity | undefined {
    const visit = this.#byPass.get(pass);
    if (!visit || !passForm.test(next)) return undefined;
    if (this.#isOver(visit) || (pass === visit.used && next !== visit.current)) {
      this.#end(visit);
      return undefined;
    }
    if (pass === visit.current) {
      if (this.#byPass.has(next)) return undefined;
      if (visit.used !== undefined) this.#byPass.delete(visit.used);
      Object.assign(visit, { used: pass, current: next });
      this.#byPass.set(next, visit);
    }
    if (!visit.identity) {
      visit.expiresAt = this.#now() + this.#settings.visitTtl;
      visit.identity = { name: 'monitor page', roles: ['monitor'], expiresAt: visit.expiresAt };
    }
    return visit.identity;
  }

  /** A visit of somebody who has shown the credential itself. Undefined where the pass will not do. */
  begin(by: Identity, next: string): Identity | undefined {
    if (!passForm.test(next) || this.#byPass.has(next)) return undefined;
    const expiresAt = Math.min(this.#now() + this.#settings.visitTtl, by.expiresAt ?? Infinity);
    const identity = this.#bridge.derive(by, { roles: ['monitor'], expiresAt });
    this.#add({ identity, expiresAt, current: next, used: undefined });
    return identity;
  }

  end(): void {
    for (const visit of new Set(this.#byPass.values())) this.#end(visit);
  }

  #isOver({ identity, expiresAt }: Visit): boolean {
    return expiresAt <= this.#now() || (identity !== undefined && !this.#bridge.stands(identity));
  }

  #add(visit: Visit): void {
    for (const other of this.#byPass.values()) if (this.#isOver(other)) this.#end(other);
    const [oldest] = this.#byPass.values();
    if (oldest && this.#byPass.size >= mostVisits) this.#end(oldest);
    this.#byPass.set(visit.current, visit);
  }

  #end({ identity, current, used }: Visit): void {
    this.#byPass.delete(current);
    if (used !== undefined) this.#byPass.delete(used);
    if (identity) this.#bridge.withdraw(identity);
  }
}
