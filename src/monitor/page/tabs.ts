/** What a tab says to the other tabs of its browser. Only pages of the same origin hear it. */
type Message =
  /** Asks to be let in, because it has the same link. The tab shows `pass` first. */
  | { readonly type: 'ask'; readonly pass: string; readonly link: string }
  /** A tab that watches can let in whoever has asked with `pass`. */
  | { readonly type: 'offer'; readonly pass: string; readonly from: string }
  /** One of those that have offered is chosen. */
  | { readonly type: 'accept'; readonly pass: string; readonly from: string }
  | { readonly type: 'answer'; readonly pass: string; readonly admission: Admission };

/** Whether the service has let a tab in; `later` if it could not be asked. */
export type Admission = 'admitted' | 'rejected' | 'later';

/** A tab that may let others into its page session. */
export interface Admitting {
  /** Tells if this tab watches by the link. */
  watchesBy(link: string): boolean;
  /** Asks the service to let a tab in that shows `pass` first. */
  admit(pass: string): Promise<Admission>;
}

// A tab that watches may be busy. If the browser does not say that there is one, a new tab does not wait long for it.
const offerMs = { watched: 5_000, unknown: 1_000 } as const;
const answerMs = 15_000;

// Missing on pages that came over plain HTTP from another host.
const { locks } = navigator as Partial<Pick<Navigator, 'locks'>>;

/** The tabs of one browser that show the same monitor page. A new one joins the page session of one that watches. */
export class Tabs {
  readonly #name: string;
  readonly #channel: BroadcastChannel;
  readonly #admitting: Admitting;
  readonly #newPass: () => string;
  readonly #self: string;
  /** Gives the lock back that says by which link this tab watches. */
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

  /** Lets other tabs know that this one watches by a link; by none if it is undefined. */
  watch(link: string | undefined): void {
    this.#unlock?.();
    this.#unlock = undefined;
    if (link === undefined) return;
    const watched = new Promise<void>((resolve) => (this.#unlock = resolve));
    void locks?.request(this.#lockOf(link), { mode: 'shared' }, () => watched);
  }

  /** Runs `step` while no other tab of the browser opens the link, so that of two tabs with one link the second joins the first. */
  oneByOne<T>(link: string, step: () => Promise<T>): Promise<T> {
    return locks ? locks.request(`${this.#lockOf(link)} opening`, step) : step();
  }

  /**
   * Joins the page session of a tab that watches by this link. Resolves with the pass to show, or with undefined if there is none.
   * Rejects if there is one that does not answer, or that could not ask the service; the caller may retry.
   */
  async join(link: string): Promise<string | undefined> {
    const watched = await this.#isWatched(link);
    if (watched === false) return undefined;
    const pass = this.#newPass();
    const offer = this.#next('offer', pass, watched ? offerMs.watched : offerMs.unknown);
    this.#say({ type: 'ask', pass, link });
    const offered = await offer;
    if (!offered && !watched) return undefined;
    if (!offered) throw new Error('the tab that watches does not answer');
    const answer = this.#next('answer', pass, answerMs);
    this.#say({ type: 'accept', pass, from: offered.from });
    const { admission } = (await answer) ?? { admission: 'later' };
    if (admission === 'later') throw new Error('the tab that watches could not ask the service');
    return admission === 'admitted' ? pass : undefined;
  }

  /** Tells if another tab watches by the link; undefined if the browser does not say. */
  async #isWatched(link: string): Promise<boolean | undefined> {
    const { held } = (await locks?.query()) ?? {};
    return held?.some(({ name }) => name === this.#lockOf(link));
  }

  #hear(message: Message): void {
    const { type, pass } = message;
    if (type === 'ask' && this.#admitting.watchesBy(message.link))
      this.#say({ type: 'offer', pass, from: this.#self });
    if (type === 'accept' && message.from === this.#self)
      void this.#admitting.admit(pass).then((admission) => this.#say({ type: 'answer', pass, admission }));
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

  /** Links differ in their ends; the whole is a credential. */
  #lockOf(link: string): string {
    return `${this.#name} ${link.slice(-6)}`;
  }
}
