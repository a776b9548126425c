import type { Observable, Subscriber } from 'rxjs';
import type { CallbackResponse } from './callback-response.ts';
import type { FlowObserver } from './flow.ts';
import type { Flows } from './flows.ts';
import type { HotStream } from './hot-stream.ts';
import { IsolatedObservable } from './isolated-observable.ts';
import type { Redirect } from './redirect.ts';

/** `server.redirects`: every redirect, and a way by state that does not look at the others. */
export class RedirectStream extends IsolatedObservable<Redirect> {
  readonly #flows: Flows;

  constructor(flows: Flows, redirects: HotStream<Redirect>) {
    super(flows.report, (subscriber) => redirects.subscribe(subscriber));
    this.#flows = flows;
  }

  forState(state: string): Observable<CallbackResponse> {
    const flows = this.#flows;
    return new IsolatedObservable<CallbackResponse>(flows.report, (subscriber) => {
      const flow = flows.watch(state);
      if (!flow) {
        subscriber.complete();
        return;
      }
      flow.attach(new Quiet(subscriber));
      return () => flows.abandon(flow);
    });
  }
}

/** The shared streams never error: a flow that ends without a response ends this one empty. */
class Quiet implements FlowObserver {
  readonly #subscriber: Subscriber<CallbackResponse>;

  constructor(subscriber: Subscriber<CallbackResponse>) {
    this.#subscriber = subscriber;
  }

  get closed(): boolean {
    return this.#subscriber.closed;
  }

  next(response: CallbackResponse): void {
    this.#subscriber.next(response);
  }

  error(): void {
    this.#subscriber.complete();
  }

  complete(): void {
    this.#subscriber.complete();
  }
}
