import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBody } from './body.ts';
import type { Clock } from '../base/clock.ts';
import type { ClientAddresses } from './client-addresses.ts';
import type { PendingFlow } from '../flows/pending-flow.ts';
import type { Handled, Held, Undecided, Waiting } from '../callback/handled.ts';
import type { Handler } from '../callback/handler.ts';
import type { Outlet, Sender } from './exchange.ts';
import type { HeldRedirect } from '../flows/held-redirects.ts';
import type { Report } from '../base/isolated-observable.ts';
import type { Pages } from '../page/answers.ts';
import type { Redirect } from '../model/redirect.ts';
import type { Answer, Streamed } from '../page/answer.ts';
import type { CallbackRequest } from '../callback/request.ts';
import { writeAnswer } from './write-answer.ts';
import type { UnmatchedLimits } from './unmatched-limits.ts';

export interface EndpointOptions {
  handler: Handler;
  pages: Pages;
  unmatchedLimits: UnmatchedLimits;
  /** Connections on which nothing more is taken for a request. */
  ended: WeakSet<object>;
  clock: Clock;
  limits: { body: number };
  /** Publishes a redirect, once. If its page does not wait, the page is written before. */
  publish: (redirect: Redirect, flow?: PendingFlow, label?: string) => void;
  report: Report;
  clients: ClientAddresses;
  /** True if a redirect may be held until a program asks for its state. */
  holds: boolean;
  /** Ends the waiting of a held redirect, as if its time were over. */
  release: (held: HeldRedirect) => void;
  /** Tells if a connection should be kept for another request. */
  keepsAlive: () => boolean;
}

// A person takes what happens within this time for one event, so that an earlier page would only flicker. An outcome within it
// still decides the status and the address of the answer.
const streamAfterMs = 100;

/** Edge between `node:http` and the handler: reads bodies, writes answers, and lets pages wait. */
export class Endpoint {
  readonly #options: EndpointOptions;
  /** Pages that wait for the outcome of their sign-in, each with the function that sends its fallback. */
  readonly #waiting = new Map<Outlet, () => void>();
  readonly #held = new Map<HeldRedirect, Outlet>();
  /** Held redirects by their pages. */
  readonly #heldBy = new Map<Outlet, HeldRedirect>();

  constructor(options: EndpointOptions) {
    this.#options = options;
  }

  serve(request: IncomingMessage, response: ServerResponse): void {
    if (this.#options.ended.has(request.socket)) return;
    const { method = '', url: target = '', rawHeaders } = request;
    this.answer({ method, target, rawHeaders }, response, new NodeSender(request, this.#options.clients));
  }

  /** Answers a request of any kind of server. */
  answer(request: Omit<CallbackRequest, 'address'>, response: Outlet, sender: Sender): void {
    const { handler, limits, holds } = this.#options;
    const asked: CallbackRequest = holds ? { ...request, address: sender.address() } : request;
    // The connection ends with this answer, so that Node does not wait for an unread body.
    if (asked.method !== 'GET') response.shouldKeepAlive = false;
    const handled = handler.handle(asked);
    if (handled.kind !== 'needs-body') {
      this.#respond(handled, sender, response);
      return;
    }
    sender.readBody(limits.body).then(
      (body) =>
        this.#respond(handler.handle({ ...asked, body, tooLarge: body === undefined }), sender, response),
      // The client disconnected before the end of its body: no answer, and no redirect.
      () => response.destroy(),
    );
  }

  /** Continues a held redirect and its page once a program has asked for the state. */
  claim(held: HeldRedirect): void {
    const response = this.#held.get(held);
    this.#held.delete(held);
    if (response) this.#heldBy.delete(response);
    const handled = this.#options.handler.claim(held);
    if (response) this.#respond(handled, undefined, response);
    else this.#publish(handled).catch(this.#options.report);
  }

  /** Handles a request without a socket, and so without a page. Resolves to undefined if it is no redirect. */
  submit(request: CallbackRequest): Promise<Redirect | undefined> {
    return this.#publish(this.#options.handler.handle(request));
  }

  async #publish(handled: Handled): Promise<Redirect | undefined> {
    const decided = handled.kind === 'undecided' ? await handled.later : handled;
    if (decided.kind === 'needs-body') return undefined;
    const { redirect } = decided;
    if (decided.kind === 'held') this.#options.publish(decided.redirect);
    else if (redirect) this.#options.publish(redirect, decided.flow, decided.label);
    return redirect;
  }

  /**
   * Returns the answer to a request whose head is too large to be read, and publishes it as a redirect: a browser with too
   * many cookies is one, and nothing tells it from another request.
   */
  refuseHead(): Answer {
    const { handler, publish } = this.#options;
    const { answer, redirect } = handler.refuseHead();
    publish(redirect);
    return answer;
  }

  /** Tells what a page waits for: a flow that is not begun yet, or the outcome of its sign-in. */
  readonly waitsFor = (response: Outlet): 'flow' | 'outcome' | undefined => {
    if (this.#heldBy.has(response)) return 'flow';
    return this.#waiting.has(response) ? 'outcome' : undefined;
  };

  /** Answers a page that waits. */
  readonly giveWay = (response: Outlet): void => {
    const held = this.#heldBy.get(response);
    if (held) this.#options.release(held);
    else this.#waiting.get(response)?.();
  };

  /** Sends the fallback of every waiting page. */
  endWaiting(): void {
    for (const end of [...this.#waiting.values()]) end();
  }

  /** @param sender Undefined for a held redirect, which has passed the limits before. */
  #respond(handled: Handled, sender: Sender | undefined, response: Outlet): void {
    switch (handled.kind) {
      case 'needs-body':
        // The body has been read already.
        return;
      case 'undecided':
        this.#decide(handled, sender, response);
        return;
      case 'held':
        this.#hold(handled, response);
        return;
      case 'waiting':
        this.#awaitOutcome(handled, response);
        if (handled.redirect) this.#options.publish(handled.redirect, handled.flow, handled.label);
        return;
      case 'answered': {
        const { answer, redirect, flow, label, last } = handled;
        if (last && sender?.socket) {
          response.shouldKeepAlive = false;
          this.#options.ended.add(sender.socket);
        }
        // Before the consumers, so that a slow one does not delay the page.
        this.#write(response, (redirect && sender && this.#tooMany(redirect, sender)) ?? answer);
        if (redirect) this.#options.publish(redirect, flow, label);
      }
    }
  }

  #decide({ later, answer }: Undecided, sender: Sender | undefined, response: Outlet): void {
    later.then(
      (decided) => this.#respond(decided, sender, response),
      (error: unknown) => {
        // Fail closed: without the store the redirect's flow is unknown. The user may reload the page later.
        this.#options.report(error);
        this.#write(response, answer);
      },
    );
  }

  #hold({ held, redirect, answer }: Held, response: Outlet): void {
    this.#held.set(held, response);
    this.#heldBy.set(response, held);
    held.onEnd = () => {
      this.#held.delete(held);
      this.#heldBy.delete(response);
      this.#write(response, answer);
    };
    // Its browser has left, and with it the place is free.
    response.once('close', () => {
      if (this.#heldBy.has(response)) this.#options.release(held);
    });
    this.#options.publish(redirect);
  }

  #awaitOutcome({ until, fallback, pageFor, awaitOutcome, early }: Waiting, response: Outlet): void {
    const { clock, report } = this.#options;
    const left = until - clock.now();
    let endOf: Streamed['end'] | undefined;
    const show = (answer: Answer): void => {
      if (!endOf) this.#write(response, answer);
      else if (!response.destroyed) response.end(endOf(answer));
    };
    const finish = (pageOf: () => Answer): void => {
      if (!this.#waiting.delete(response)) return;
      stop();
      forget();
      try {
        show(pageOf());
      } catch (error) {
        report(error);
        show(fallback());
      }
    };
    const giveUp = (): void => finish(fallback);
    const begin = (): void => {
      stop = clock.after(left - streamAfterMs, giveUp);
      const page = early();
      if (!page) return;
      if ('end' in page) endOf = page.end;
      // Its page waits at the clean URL.
      else if (this.#waiting.delete(response)) stop();
      // Two writes at most, so that a browser that does not read them costs no more than a page that is written at once.
      this.#write(response, page, endOf !== undefined);
    };
    let stop = left > streamAfterMs ? clock.after(streamAfterMs, begin) : clock.after(left, giveUp);
    this.#waiting.set(response, giveUp);
    const forget = awaitOutcome((outcome) => finish(() => pageFor(outcome)));
    response.once('close', giveUp);
  }

  /** Returns the answer for an address that sends too many unmatched redirects. One that matches a flow is never slowed. */
  #tooMany({ disposition }: Redirect, sender: Sender): Answer | undefined {
    if (disposition !== 'unmatched' && disposition !== 'duplicate' && disposition !== 'late')
      return undefined;
    const { unmatchedLimits, pages, clock } = this.#options;
    const address = sender.address();
    if (address === undefined || !unmatchedLimits.exceeds(address, clock.now())) return undefined;
    const language = pages.languageFor(sender.language());
    return pages.later(429, language, 1);
  }

  #write(response: Outlet, answer: Answer, more = false): void {
    if (response.headersSent || response.destroyed) return;
    if (!this.#options.keepsAlive()) response.shouldKeepAlive = false;
    writeAnswer(response, answer, more);
  }
}

/** The sender of a request of `node:http`. */
class NodeSender implements Sender {
  readonly #request: IncomingMessage;
  readonly #clients: ClientAddresses;

  constructor(request: IncomingMessage, clients: ClientAddresses) {
    this.#request = request;
    this.#clients = clients;
  }

  get socket(): object {
    return this.#request.socket;
  }

  address(): string | undefined {
    return this.#clients.of(this.#request);
  }

  language(): string | undefined {
    return this.#request.headers['accept-language'];
  }

  readBody(maxBytes: number): Promise<string | undefined> {
    return readBody(this.#request, maxBytes);
  }
}
