import { base64url } from '../../base/base64url.ts';
import { Tabs } from './tabs.ts';

/** Session-storage key; the pass is stored only while the page reloads. */
const key = 'rx-oauth-callback.monitor';

interface Kept {
  /** Pass that the page shows next; undefined until it has one. */
  pass: string | undefined;
  /** Successor of `pass`, chosen before the request, so that the page can repeat a request whose answer was lost. */
  next: string;
  /** Link that the page session began with, by which other tabs of the browser find it. */
  link: string | undefined;
}

/** Reason why the service has rejected the last link or token. */
export type Rejection = 'invalid' | 'too_many';

/** Asks the user for a link or a token. */
export type Ask = (rejection: Rejection | undefined) => Promise<string>;

/** Gets tickets for the page. It shows a pass that changes with each ticket; the first pass comes from the link. */
export class Access {
  readonly #url: string;
  readonly #ask: Ask;
  readonly #tabs: Tabs;
  #kept: Kept;
  /** True while the pass is a link that was not shown yet. */
  #unopened = false;
  /** True once the service has accepted a pass. */
  #admitted = false;
  /** Requests one after the other, because each shows the successor of the one before. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(url: string, ask: Ask) {
    this.#url = url;
    this.#ask = ask;
    this.#kept = take() ?? { pass: undefined, next: newPass(), link: undefined };
    const admitting = {
      watchesBy: (link: string) => this.#admitted && link === this.#kept.link,
      admit: (pass: string) => this.#admit(pass),
    };
    this.#tabs = new Tabs(`rx-oauth-callback ${url}`, admitting, newPass);
    this.#takeLink();
    addEventListener('hashchange', () => this.#takeLink());
    addEventListener('pagehide', () => sessionStorage.setItem(key, JSON.stringify(this.#kept)));
    addEventListener('pageshow', ({ persisted }) => persisted && sessionStorage.removeItem(key));
  }

  /** Called when the user opens a link in the address bar of the open page. */
  onLink: () => void = () => undefined;

  /** Resolves with a ticket for one connection. Rejects if the service cannot be reached; the caller may retry. */
  async ticket(): Promise<string> {
    for (let rejection: Rejection | undefined; ;) {
      const answer = await this.#request(rejection);
      if (typeof answer === 'object') return answer.ticket;
      rejection = answer;
    }
  }

  /** Asks for a ticket once. Resolves with undefined if the user has opened a link meanwhile. */
  async #request(rejection: Rejection | undefined): Promise<{ ticket: string } | Rejection | undefined> {
    if (this.#unopened) return this.#tabs.oneByOne(() => this.#open());
    const { pass } = this.#kept;
    if (pass !== undefined) return this.#inTurn(() => this.#show(pass));
    const given = await this.#ask(rejection);
    // Empty if the user has opened a link instead; it is in `#kept`.
    return given === '' ? undefined : this.#inTurn(() => this.#show(given, { typed: true }));
  }

  /** Opens the link, or joins a tab of this browser that has opened it before. */
  async #open(): Promise<{ ticket: string } | Rejection | undefined> {
    const { link } = this.#kept;
    const joined = link === undefined ? undefined : await this.#tabs.join(link);
    // The user has opened another one meanwhile.
    if (this.#kept.link !== link) return undefined;
    if (joined !== undefined) this.#kept = { pass: joined, next: newPass(), link };
    this.#unopened = false;
    const { pass } = this.#kept;
    return pass === undefined ? undefined : this.#inTurn(() => this.#show(pass));
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(step);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Shows a pass, or what the user has typed. */
  async #show(given: string, { typed = false } = {}): Promise<{ ticket: string } | Rejection> {
    const { next, link } = this.#kept;
    const answer = await this.#redeem({ given, next, typed });
    this.#setAdmitted(typeof answer === 'object');
    // `next` was sent to the service even if the service rejected `given`, so another successor is needed.
    this.#kept = { pass: this.#admitted ? next : undefined, next: newPass(), link };
    return answer;
  }

  #setAdmitted(admitted: boolean): void {
    this.#admitted = this.#tabs.watching = admitted;
  }

  /** Lets another tab into the page session. */
  #admit(tab: string): Promise<boolean> {
    return this.#inTurn(async () => {
      const { pass, next, link } = this.#kept;
      if (pass === undefined) return false;
      const answer = await this.#redeem({ given: pass, next, tab });
      if (typeof answer !== 'object') return false;
      this.#kept = { pass: next, next: newPass(), link };
      return true;
    });
  }

  async #redeem(request: {
    given: string;
    next: string;
    /** First pass of a tab that is to be let in. */
    tab?: string;
    /** True if the user has typed `given`. */
    typed?: boolean;
  }): Promise<{ ticket: string } | Rejection> {
    const { given, next, tab, typed } = request;
    const answer = await fetch(this.#url, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${given}`,
        'Next-Pass': next,
        ...(tab !== undefined && { 'New-Tab-Pass': tab }),
      },
      cache: 'no-store',
      redirect: 'error',
    });
    if (answer.status === 401) return 'invalid';
    // For a page that has a pass, it is the limit of a proxy, and passes.
    if (answer.status === 429 && typed) return 'too_many';
    if (!answer.ok) throw new Error(`the service has answered ${answer.status}`);
    return (await answer.json()) as { ticket: string };
  }

  /** Takes a pass from the address bar, so that the user does not copy it from there. */
  #takeLink(): void {
    const link = location.hash.slice(1);
    if (!/^[\w-]{43}$/.test(link)) return;
    history.replaceState(null, '', location.pathname);
    // Opened again in the tab that watches by it.
    if (link === this.#kept.link && this.#kept.pass !== undefined) return;
    this.#kept = { pass: link, next: newPass(), link };
    this.#unopened = true;
    this.#setAdmitted(false);
    this.onLink();
  }
}

function take(): Kept | undefined {
  const kept = sessionStorage.getItem(key);
  sessionStorage.removeItem(key);
  return kept === null ? undefined : (JSON.parse(kept) as Kept);
}

function newPass(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}
