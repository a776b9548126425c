import { holdProcess, releaseProcess } from '../base/process-hold.ts';
import type { CallbackResponse } from '../model/callback-response.ts';

/** Observer of the end of a flow; an RxJS subscriber fits. */
export interface FlowObserver {
  readonly closed: boolean;
  next(response: CallbackResponse): void;
  error(reason: unknown): void;
  complete(): void;
}

/** How a flow ended. */
export type FlowEnd = { readonly response: CallbackResponse } | { readonly error: Error };

/**
 * Base class of flows of this process and of a service: the end of a flow and the observers that wait for it. The process
 * stays alive while there are any.
 */
export abstract class ObservedFlow {
  /** Removes what `begin` set up outside the flow, such as an abort listener. Called when the flow ends. */
  release: (() => void) | undefined = undefined;
  /** Undefined while the flow is pending. An error may later replace a response, so that its code is wiped. */
  end: FlowEnd | undefined = undefined;
  #observers: Set<FlowObserver> | undefined = undefined;

  get pending(): boolean {
    return this.end === undefined;
  }

  /** Set if an observer waits for the end. */
  get observed(): boolean {
    return this.#observers !== undefined && this.#observers.size > 0;
  }

  /** Passes the end to every waiting observer. Returns true if any of them was still subscribed. */
  notify(): boolean {
    this.release?.();
    this.release = undefined;
    const { end } = this;
    const observers = this.#observers ?? [];
    if (this.observed) releaseProcess();
    this.#observers = undefined;
    let heard = false;
    for (const observer of observers) {
      heard ||= !observer.closed;
      // `end` was read above, so that each observer gets it even if an earlier one wipes the response.
      if (end) hand(observer, end);
    }
    return heard;
  }

  /** Passes the end to an observer, now or when the flow ends. Returns a function that stops waiting. */
  attach(observer: FlowObserver): () => void {
    if (this.end) hand(observer, this.end);
    else {
      if (!this.observed) holdProcess();
      (this.#observers ??= new Set()).add(observer);
    }
    return () => {
      if (this.#observers?.delete(observer) && !this.observed) releaseProcess();
    };
  }
}

function hand(observer: FlowObserver, end: FlowEnd): void {
  if ('error' in end) {
    observer.error(end.error);
    return;
  }
  observer.next(end.response);
  observer.complete();
}
