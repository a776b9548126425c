/** What a tab says to the other tabs of its browser. Only pages of the same origin hear it. */
type Message =
  /** Asks to be let in, because it has the same link. The tab shows `pass` first. */
  | { readonly type: 'ask'; readonly pass: string; readonly link: string }
  /** A tab that watches can let in whoever has asked with `pass`. */
  | { readonly type: 'offer'; readonly pass: string; readonly from: string }
  /** One of those that have offered is chosen. */
  | { readonly type: 'accept'; readonly pass: string; readonly from: string }
  /** Whether the service has let `pass` in. */
  | { readonly type: 'answer'; readonly pass: string; readonly admitted: boolean };

/** A tab that may let others into its page session. */
export interface Admitting {
  /** Tells if this tab watches by the link. */
  watchesBy(link: string): boolean;
  /** Lets a tab in that shows `pass` first. Resolves with false if the service rejects it. */
  admit(pass: string): Promise<boolean>;
}

// A tab in the background answers late. Without locks nobody knows if there is one.
const offerMs = { known: 2_000, unknown: 250 } as const;
const answerMs = 10_000;

// Missing on pages that came over plain HTTP from another host.
const { locks } = navigator as Partial<Pick<Navigator, 'locks'>>;

/** The tabs of one browser that show the same monitor page. A new one joins the page session of one that watches. */
export class Tabs {
  readonly #name: string;
  readonly #channel: BroadcastChannel;
  readonly #admitting: Admitting;
  readonly #newPass: () => string;
  readonly #self: string;
  #unlock: (() => void) | undefined;

  /** @param name Names the page: pages of other services may have the same origin. */
  constructor(name: string, admitting: Admitting, newPass: () => string) {
    this.#name = name;
    this.#channel = new BroadcastChannel(name);
    this.#admitting = admitting;
    this.#newPass = newPass;
    this.#self = newPass();
    this.#channel.addEventListener('message', ({ data }: MessageEvent<Message>) => this.#hear(data));
  }

  /** Set while this tab can let others in, so that they know that one does. */
  set watching(watching: boolean) {
    if (watching && !this.#unlock) {
      const watched = new Promise<void>((resolve) => (this.#unlock = resolve));
      void locks?.request(this.#lock, { mode: 'shared' }, () => watched);
    } else if (!watching) {
      this.#unlock?.();
      this.#unlock = undefined;
    }
  }

  get #lock(): string {
    return `${this.#name} watching`;
  }

  /** Runs `step` while no other tab of the browser runs one, so that of two tabs with one link the second joins the first. */
  oneByOne<T>(step: () => Promise<T>): Promise<T> {
    return locks ? locks.request(`${this.#name} opening`, step) : step();
  }

  /**
   * Joins the page session of a tab that watches by this link. Resolves with the pass to show, or with undefined if no tab lets
   * this one in.
   */
  async join(link: string): Promise<string | undefined> {
    const watched = await this.#isWatched();
    if (watched === false) return undefined;
    const pass = this.#newPass();
    const offer = this.#next('offer', pass, watched ? offerMs.known : offerMs.unknown);
    this.#say({ type: 'ask', pass, link });
    const offered = await offer;
    if (!offered) return undefined;
    const answer = this.#next('answer', pass, answerMs);
    this.#say({ type: 'accept', pass, from: offered.from });
    return (await answer)?.admitted ? pass : undefined;
  }

  /** Tells if another tab watches; undefined if the browser does not say. */
  async #isWatched(): Promise<boolean | undefined> {
    const { held } = (await locks?.query()) ?? {};
    return held?.some(({ name }) => name === this.#lock);
  }

  #hear(message: Message): void {
    const { type, pass } = message;
    if (type === 'ask' && this.#admitting.watchesBy(message.link))
      this.#say({ type: 'offer', pass, from: this.#self });
    if (type === 'accept' && message.from === this.#self)
      void this.#admitting
        .admit(pass)
        .catch(() => false)
        .then((admitted) => this.#say({ type: 'answer', pass, admitted }));
  }

  /** Resolves with the next message of this type about a pass; undefined if none comes in time. */
  #next<Type extends Message['type']>(
    type: Type,
    pass: string,
    ms: number,
  ): Promise<Extract<Message, { type: Type }> | undefined> {
    return new Promise((resolve) => {
      const hear = ({ data }: MessageEvent<Message>): void => {
        if (data.type === type && data.pass === pass) done(data as Extract<Message, { type: Type }>);
      };
      const done = (message?: Extract<Message, { type: Type }>): void => {
        clearTimeout(timer);
        this.#channel.removeEventListener('message', hear);
        resolve(message);
      };
      const timer = setTimeout(done, ms);
      this.#channel.addEventListener('message', hear);
    });
  }

  #say(message: Message): void {
    this.#channel.postMessage(message);
  }
}
