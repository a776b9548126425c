import { randomToken } from '../base/random.ts';
import { browserOf, startCookie, type FoundLink, type StartLink } from '../model/start-link.ts';
import { readStartTarget } from '../model/start-url.ts';
import type { PendingFlow } from './pending-flow.ts';

/** Start URLs of the flows of this process. */
export class StartLinks {
  readonly #secret = randomToken();
  readonly #urlOf: (startId: string) => string;
  readonly #asks: boolean;
  readonly #flows = new Map<string, PendingFlow>();
  readonly #links = new WeakMap<PendingFlow, StartLink>();

  /** @param urlOf Builds a start URL. @param asks True if the page asks the user first. */
  constructor(urlOf: (startId: string) => string, asks: boolean) {
    this.#urlOf = urlOf;
    this.#asks = asks;
  }

  /** Binds a flow to the browser that will open its start URL. */
  bind(flow: PendingFlow): void {
    flow.startId = randomToken(16);
    flow.expectation = { ...flow.expectation, browser: browserOf(startCookie(this.#secret, flow.startId)) };
    this.#flows.set(flow.startId, flow);
  }

  /** Sets the target of a flow's start URL, until a browser has opened it. Returns what the browser must open. */
  lead(flow: PendingFlow, given: string | URL): URL {
    const url = readStartTarget(given);
    const { startId, state, expiresAt, expectation } = flow;
    if (startId === undefined) return url;
    const { responseMode } = expectation;
    if (!this.#links.get(flow)?.used)
      this.#links.set(flow, { state, url: url.href, responseMode, expiresAt, asks: this.#asks, used: false });
    return new URL(this.#urlOf(startId));
  }

  find(startId: string, now: number): FoundLink | undefined {
    const flow = this.#flows.get(startId);
    const link = flow && this.#links.get(flow);
    if (!link) return undefined;
    return {
      link,
      cookie: startCookie(this.#secret, startId),
      left: link.expiresAt - now,
      use: () => {
        const { used } = this.#links.get(flow) ?? link;
        this.#links.set(flow, { ...link, used: true });
        return Promise.resolve(!used);
      },
    };
  }

  /** Forgets a flow that has ended. */
  remove({ startId }: PendingFlow): void {
    if (startId !== undefined) this.#flows.delete(startId);
  }
}
