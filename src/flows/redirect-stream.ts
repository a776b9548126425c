import type { Observable, Subscriber } from 'rxjs';
import type { CallbackResponse } from '../model/callback-response.ts';
import type { FlowObserver } from './observed-flow.ts';
import type { FlowIndex } from './flow-index.ts';
import type { HotStream } from '../base/hot-stream.ts';
import { IsolatedObservable } from '../base/isolated-observable.ts';
import type { Redirect } from '../model/redirect.ts';

/** `server.redirects`: emits every redirect, and finds the response for one state without filtering the others. */
export class RedirectStream extends IsolatedObservable<Redirect> {
  readonly #flows: FlowIndex;

  constructor(flows: FlowIndex, redirects: HotStream<Redirect>) {
    super(flows.report, (subscriber) => redirects.subscribe(subscriber));
    this.#flows = flows;
  }

  /** Returns the accepted response for a state, from the index. Completes empty if the flow ends without one. */
  forState(state: string): Observable<CallbackResponse> {
    const flows = this.#flows;
    return new IsolatedObservable<CallbackResponse>(flows.report, (subscriber) => {
      const flow = flows.watch(state);
      if (!flow) {
        subscriber.complete();
        return undefined;
      }
      const detach = flow.attach(new QuietObserver(subscriber));
      return () => {
        detach();
        flows.abandon(flow);
      };
    });
  }
}

/** Observer that never errors, as the shared streams never do: it completes if the flow ends without a response. */
class QuietObserver implements FlowObserver {
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
