import { base64url } from '../../base/base64url.ts';

/** Session-storage key; the pass is stored only while the page reloads. */
const key = 'rx-oauth-callback.monitor';

interface Kept {
  /** Pass that the page shows next; undefined until it has one. */
  pass: string | undefined;
  /** Successor of `pass`, chosen before the request, so that the page can repeat a request whose answer was lost. */
  next: string;
}

/** Reason why the service has rejected the last link or token. */
export type Rejection = 'invalid' | 'too_many';

/** Asks the user for a link or a token. */
export type Ask = (rejection: Rejection | undefined) => Promise<string>;

/** Gets tickets for the page. It shows a pass that changes with each ticket; the first pass comes from the link. */
export class Access {
  readonly #url: string;
  readonly #ask: Ask;
  #kept: Kept;

  constructor(url: string, ask: Ask) {
    this.#url = url;
    this.#ask = ask;
    this.#kept = take() ?? { pass: undefined, next: newPass() };
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
      const { pass, next } = this.#kept;
      const given = pass ?? (await this.#ask(rejection));
      // Empty if the user has opened a link instead; it is in `#kept`.
      if (given === '') continue;
      const answer = await this.#redeem(given, next, pass === undefined);
      const isTicket = typeof answer === 'object';
      // `next` was sent to the service even if the service rejected `given`, so another successor is needed.
      this.#kept = { pass: isTicket ? next : undefined, next: newPass() };
      if (isTicket) return answer.ticket;
      rejection = answer;
    }
  }

  /** @param typed Set if the user has typed `given`. */
  async #redeem(given: string, next: string, typed: boolean): Promise<{ ticket: string } | Rejection> {
    const answer = await fetch(this.#url, {
      method: 'POST',
      headers: { Authorization: `Bearer ${given}`, 'Next-Pass': next },
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
    const pass = location.hash.slice(1);
    if (!/^[\w-]{43}$/.test(pass)) return;
    history.replaceState(null, '', location.pathname);
    this.#kept = { pass, next: newPass() };
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
