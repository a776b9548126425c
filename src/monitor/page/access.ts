import { base64url } from '../../base/base64url.ts';
import { Tabs, type Admission } from './tabs.ts';

/** A link that was not opened yet. */
interface Link {
  readonly type: 'link';
  readonly link: string;
  /** Pass that follows the link. */
  readonly next: string;
}

/** A pass of a page session. */
interface Pass {
  readonly type: 'pass';
  /** Pass that the page shows next. */
  readonly pass: string;
  /** Successor of `pass`, chosen before the request, so that the page can repeat a request whose answer was lost. */
  readonly next: string;
  /** Link that the page session began with, by which other tabs of the browser find it. */
  readonly link: string | undefined;
}

interface Nothing {
  readonly type: 'nothing';
}

/** What the page can show to the service. Replaced, never changed. */
type Kept = Link | Pass | Nothing;

/** Reason why the service has rejected the last link, pass or token. */
export type Rejection = 'unknown_link' | 'unknown_token' | 'copied_pass' | 'no_monitor' | 'too_many_pages';

type Answer = { readonly ticket: string } | Rejection;

/** Asks the user for a link or a token. */
export type Ask = (rejection: Rejection | undefined) => Promise<string>;

const linkForm = /^[\w-]{43}$/;
const answerMs = 10_000;
const nothing: Nothing = { type: 'nothing' };

/** Gets tickets for the page. It shows a pass that changes with each ticket; the first pass comes from the link. */
export class Access {
  readonly #url: string;
  readonly #ask: Ask;
  readonly #tabs: Tabs;
  /** Session-storage key; what the page keeps is stored only while the page reloads. */
  readonly #key: string;
  #kept: Kept;
  /** Requests one after the other, because each shows the successor of the one before. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(url: string, ask: Ask) {
    this.#url = url;
    this.#ask = ask;
    this.#key = `rx-oauth-callback ${url}`;
    this.#kept = take(this.#key);
    const admitting = {
      watchesBy: (link: string) => this.#kept.type === 'pass' && this.#kept.link === link,
      admit: (pass: string) => this.#inTurn(() => this.#admit(pass)),
    };
    this.#tabs = new Tabs(this.#key, admitting, newPass);
    if (this.#kept.type === 'pass') this.#tabs.watch(this.#kept.link);
    this.#takeLink();
    addEventListener('hashchange', () => this.#takeLink());
    addEventListener('pagehide', () => sessionStorage.setItem(this.#key, JSON.stringify(this.#kept)));
    addEventListener('pageshow', ({ persisted }) => persisted && sessionStorage.removeItem(this.#key));
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

  /** Asks for a ticket once. Resolves with undefined if the page has something else to show by then. */
  async #request(rejection: Rejection | undefined): Promise<Answer | undefined> {
    const kept = this.#kept;
    if (kept.type === 'link') return this.#tabs.oneByOne(kept.link, () => this.#open(kept));
    if (kept.type === 'pass') return this.#inTurn(() => this.#show(kept, kept.pass));
    const given = await this.#ask(rejection);
    // The user has opened a link instead.
    if (given === '' || this.#kept !== kept) return undefined;
    const [, link] = /^(?:https?:.*#)?([\w-]{43})$/.exec(given) ?? [];
    if (link === undefined) return this.#inTurn(() => this.#show(kept, given));
    this.#kept = { type: 'link', link, next: newPass() };
    return undefined;
  }

  /** Opens a link, or joins a tab of this browser that has opened it before. */
  async #open(kept: Link): Promise<Answer | undefined> {
    if (this.#kept !== kept) return undefined;
    const { link } = kept;
    const joined = await this.#tabs.join(link);
    if (this.#kept !== kept) return undefined;
    if (joined === undefined) return this.#inTurn(() => this.#show(kept, link));
    const pass: Pass = { type: 'pass', pass: joined, next: newPass(), link };
    this.#kept = pass;
    return this.#inTurn(() => this.#show(pass, joined));
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(step);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Shows what is kept, or what the user has typed. */
  async #show(kept: Kept, given: string): Promise<Answer | undefined> {
    // Another request was faster.
    if (this.#kept !== kept) return undefined;
    const next = kept.type === 'nothing' ? newPass() : kept.next;
    const answer = await this.#redeem(given, next);
    if (this.#kept !== kept) return undefined;
    const link = kept.type === 'nothing' ? undefined : kept.link;
    this.#keep(typeof answer === 'object' ? { type: 'pass', pass: next, next: newPass(), link } : nothing);
    if (answer === 'unknown_link' && kept.type === 'nothing') return 'unknown_token';
    return answer;
  }

  /** Lets another tab into the page session. */
  async #admit(tab: string): Promise<Admission> {
    const kept = this.#kept;
    if (kept.type !== 'pass') return 'rejected';
    try {
      const answer = await this.#redeem(kept.pass, kept.next, { 'New-Tab-Pass': tab });
      if (typeof answer !== 'object') return 'rejected';
      if (this.#kept === kept) this.#keep({ ...kept, pass: kept.next, next: newPass() });
      return 'admitted';
    } catch {
      return 'later';
    }
  }

  #keep(kept: Kept): void {
    this.#kept = kept;
    this.#tabs.watch(kept.type === 'pass' ? kept.link : undefined);
  }

  /** Exchanges a pass, link or token for a ticket. */
  async #redeem(given: string, next: string, more: Record<string, string> = {}): Promise<Answer> {
    const answer = await fetch(this.#url, {
      method: 'POST',
      headers: { Authorization: `Bearer ${given}`, 'Next-Pass': next, ...more },
      cache: 'no-store',
      redirect: 'error',
      signal: AbortSignal.timeout(answerMs),
    });
    if (answer.ok) return (await answer.json()) as { ticket: string };
    const error = await errorOf(answer);
    if (error === 'copied_pass' || error === 'no_monitor' || error === 'too_many_pages') return error;
    if (answer.status === 401) return 'unknown_link';
    // Such as the limit of a proxy, which passes.
    throw new Error(`the service has answered ${answer.status}`);
  }

  /** Takes a pass from the address bar, so that the user does not copy it from there. */
  #takeLink(): void {
    const link = location.hash.slice(1);
    if (!linkForm.test(link)) return;
    history.replaceState(null, '', location.pathname);
    // Opened again in the tab that has it.
    if (this.#kept.type !== 'nothing' && this.#kept.link === link) return;
    this.#keep({ type: 'link', link, next: newPass() });
    this.onLink();
  }
}

async function errorOf(answer: Response): Promise<unknown> {
  const body: unknown = await answer.json().catch(() => undefined);
  return typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined;
}

function take(key: string): Kept {
  const kept = sessionStorage.getItem(key);
  sessionStorage.removeItem(key);
  return kept === null ? nothing : (JSON.parse(kept) as Kept);
}

function newPass(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}
