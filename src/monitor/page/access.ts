/** Where the pass is kept from a reload to the next; nowhere else outlives the page, and while it lives not there either. */
const key = 'rx-oauth-callback.monitor';

interface Kept {
  /** Undefined until there is one. */
  pass: string | undefined;
  /** The one that follows it: made before it is needed, so that an answer that is lost can be asked for again. */
  next: string;
}

/** Asks the person for a link or a token; `refused` where the last one was worth nothing. */
export type Ask = (refused: boolean) => Promise<string>;

/** The page's right to tickets: a pass that changes with each ticket, at first that of the link. */
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

  /** Told that a link was put into the address bar while the page was open. */
  onLink: () => void = () => undefined;

  /** A ticket for one connection. Rejects where the service cannot be reached, which is worth another attempt. */
  async ticket(): Promise<string> {
    for (let refused = false; ; refused = true) {
      const { pass, next } = this.#kept;
      const given = pass ?? (await this.#ask(refused));
      // A link that came meanwhile.
      if (given === '') continue;
      const ticket = await this.#redeem(given, next);
      // The next is on its way already, whether or not it has been asked for with this one.
      this.#kept = { pass: ticket === undefined ? undefined : next, next: newPass() };
      if (ticket !== undefined) return ticket;
    }
  }

  async #redeem(given: string, next: string): Promise<string | undefined> {
    const answer = await fetch(this.#url, {
      method: 'POST',
      headers: { Authorization: `Bearer ${given}`, 'Next-Pass': next },
      cache: 'no-store',
      redirect: 'error',
    });
    if (answer.status === 401) return undefined;
    if (!answer.ok) throw new Error(`the service has answered ${answer.status}`);
    const { ticket } = (await answer.json()) as { ticket: string };
    return ticket;
  }

  /** Out of the address bar, where it would be copied from. */
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
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return btoa(String.fromCharCode(...bytes)).replace(/[+/=]/g, (character) =>
    character === '+' ? '-' : character === '/' ? '_' : '',
  );
}
