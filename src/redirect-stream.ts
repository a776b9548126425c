import type { Observable, Subscriber, Unsubscribable } from 'rxjs';
import type { CallbackResponse } from './callback-response.ts';
import type { PendingFlow } from './flow.ts';
import type { FlowObserver } from './observed-flow.ts';
import type { Flows } from './flows.ts';
import type { HotStream } from './hot-stream.ts';
import { IsolatedObservable, IsolatedSubscriber } from './isolated-observable.ts';
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
      const quiet = new Quiet(subscriber, flow, flows);
      if (subscriber instanceof IsolatedSubscriber) subscriber.teardown = quiet;
      else subscriber.add(quiet);
      flow.attach(quiet);
    });
  }
}

/** The shared streams never error: a flow that ends without a response ends this one empty. */
class Quiet implements FlowObserver, Unsubscribable {
  readonly #subscriber: Subscriber<CallbackResponse>;
  readonly #flow: PendingFlow;
  readonly #flows: Flows;

  constructor(subscriber: Subscriber<CallbackResponse>, flow: PendingFlow, flows: Flows) {
    this.#subscriber = subscriber;
    this.#flow = flow;
    this.#flows = flows;
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

  unsubscribe(): void {
    this.#flows.abandon(this.#flow);
  }
}
