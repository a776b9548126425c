import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBody } from './body.ts';
import type { Clock } from './clock.ts';
import type { PendingFlow } from './flow.ts';
import type { Handled, Handler } from './handler.ts';
import type { HeldRedirect } from './held.ts';
import type { Report } from './isolated-observable.ts';
import type { Answer, Pages } from './pages.ts';
import type { Redirect } from './redirect.ts';
import type { CallbackRequest } from './request.ts';
import type { Strays } from './strays.ts';

export interface EndpointOptions {
  handler: Handler;
  pages: Pages;
  strays: Strays;
  clock: Clock;
  /** Milliseconds a page waits for its outcome, where any does. */
  settle: number | false;
  limits: { body: number };
  /** Tells the consumers. Called once for each redirect, after its page where the page does not wait for them. */
  publish: (redirect: Redirect, flow: PendingFlow | undefined) => void;
  report: Report;
  /** Whether a connection is worth keeping for another request. */
  keepsAlive: () => boolean;
}

/** Between `node:http` and the handler: reads bodies, writes answers, keeps those back that wait for something. */
export class Endpoint {
  readonly #options: EndpointOptions;
  /** Pages that wait, each with how to end the waiting. */
  readonly #waiting = new Set<() => void>();
  readonly #held = new Map<HeldRedirect, ServerResponse>();

  constructor(options: EndpointOptions) {
    this.#options = options;
  }

  serve(request: IncomingMessage, response: ServerResponse): void {
    const { handler, limits } = this.#options;
    const asked: CallbackRequest = {
      method: request.method ?? '',
      target: request.url ?? '',
      rawHeaders: request.rawHeaders,
    };
    // A body that nobody reads is not waited for either.
    if (asked.method !== 'GET') response.shouldKeepAlive = false;
    const handled = handler.handle(asked);
    if (!handled.needsBody) {
      this.#respond(handled, request, response);
      return;
    }
    readBody(request, limits.body).then(
      (body) =>
        this.#respond(handler.handle({ ...asked, body, tooLarge: body === undefined }), request, response),
      // Whoever left in the middle of the body gets no answer and is no redirect.
      () => response.destroy(),
    );
  }

  /** A held redirect whose state is now asked for: its page goes on. */
  claim(held: HeldRedirect): void {
    const response = this.#held.get(held);
    this.#held.delete(held);
    const handled = this.#options.handler.claim(held);
    if (response) this.#respond(handled, undefined, response);
    else this.#publish(handled).catch(this.#options.report);
  }

  /** A request without a socket, and so without a page. Undefined where it is no redirect. */
  submit(request: CallbackRequest): Promise<Redirect | undefined> {
    return this.#publish(this.#options.handler.handle(request));
  }

  async #publish({ later, ...handled }: Handled): Promise<Redirect | undefined> {
    const { redirect, flow } = later ? await later : handled;
    if (redirect) this.#options.publish(redirect, flow);
    return redirect;
  }

  /** Gives every page that waits what it falls back to. */
  endWaiting(): void {
    for (const end of [...this.#waiting]) end();
  }

  /** @param request Undefined where it has been answered for long: a held redirect's. */
  #respond(handled: Handled, request: IncomingMessage | undefined, response: ServerResponse): void {
    const { held, redirect, later } = handled;
    if (later) {
      later.then(
        (decided) => this.#respond(decided, request, response),
        (error: unknown) => {
          // Fail closed: without the store nobody can say whose the redirect is. The browser may come again.
          this.#options.report(error);
          this.#write(response, handled.answer);
        },
      );
      return;
    }
    if (held) {
      this.#held.set(held, response);
      held.onEnd = () => {
        this.#held.delete(held);
        this.#write(response, handled.answer);
      };
      if (redirect) this.#options.publish(redirect, undefined);
      return;
    }
    this.#conclude(redirect && request ? this.#slowed(handled, redirect, request) : handled, response);
  }

  #conclude(handled: Handled, response: ServerResponse): void {
    const { answer, redirect, flow, outcome, awaitOutcome } = handled;
    const { publish } = this.#options;
    if (outcome && awaitOutcome) {
      this.#awaitOutcome(answer, outcome, awaitOutcome, response);
    } else {
      // Before the consumers, so that none of them, however slow, keeps a person waiting.
      this.#write(response, answer);
    }
    if (redirect) publish(redirect, flow);
  }

  #awaitOutcome(
    fallback: Answer,
    outcome: NonNullable<Handled['outcome']>,
    awaitOutcome: NonNullable<Handled['awaitOutcome']>,
    response: ServerResponse,
  ): void {
    const finish = (answer: Answer): void => {
      if (!this.#waiting.delete(giveUp)) return;
      stop();
      forget();
      this.#write(response, answer);
    };
    const giveUp = (): void => finish(fallback);
    const stop = this.#options.clock.after(this.#options.settle || 0, giveUp);
    this.#waiting.add(giveUp);
    const forget = awaitOutcome((how) => finish(outcome(how)));
    response.once('close', giveUp);
  }

  /** Tells an address that floods us with strays to wait. A redirect that matches a flow is never slowed. */
  #slowed(handled: Handled, { disposition }: Redirect, request: IncomingMessage): Handled {
    if (disposition !== 'unmatched' && disposition !== 'duplicate' && disposition !== 'late') return handled;
    const { strays, pages, clock } = this.#options;
    if (!strays.exceeds(request.socket.remoteAddress ?? '', clock.now())) return handled;
    const language = pages.languageFor(request.headers['accept-language']);
    return { ...handled, answer: pages.neutral(429, language, 'Retry-After', '1') };
  }

  #write(response: ServerResponse, { status, headers, body }: Answer): void {
    if (response.headersSent || response.destroyed) return;
    if (!this.#options.keepsAlive()) response.shouldKeepAlive = false;
    response.writeHead(status, headers);
    response.end(body);
  }
}
