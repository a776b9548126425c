import { CallbackResponse } from './callback-response.ts';

/** Somebody who waits for a flow's end. */
export interface FlowObserver {
  /** It no longer waits. */
  readonly closed: boolean;
  next(response: CallbackResponse): void;
  error(reason: unknown): void;
  complete(): void;
}

/** How a flow ended: with its response, or with an error, which this hands to an observer. */
export type FlowEnd = CallbackResponse | ((observer: FlowObserver) => void);

/**
 * A flow's end and those who wait for it: a base, and no object of its own, since a process may hold a million flows. For
 * each class with a private method an instance has one more field; so there is none.
 */
export abstract class ObservedFlow {
  /** Undoes what `begin` set up outside the flow: abort listener, single-flight key. */
  release: (() => void) | undefined = undefined;
  /** Once it is there, nothing else can end the flow. A text is the code of a response that has only this flow's state beside it. */
  ended: FlowEnd | string | undefined = undefined;
  /** Those that have gone stand here still, until another comes: a flow is short, and so there is nothing to undo. */
  #observer: FlowObserver | undefined;
  /** There is seldom more than one. */
  #others: FlowObserver[] | undefined;

  abstract readonly state: string;

  get pending(): boolean {
    return !this.ended;
  }

  /** Whoever still waits. */
  get observers(): FlowObserver[] {
    return [this.#observer, ...(this.#others ?? [])].filter(
      (observer): observer is FlowObserver => observer?.closed === false,
    );
  }

  /** Tells those who wait how the flow ended. Says whether somebody was there. */
  tell(): boolean {
    this.release?.();
    this.release = undefined;
    // What one of them does may wipe a response, which the others are to have all the same.
    const end = this.ended;
    let told = false;
    for (let observer = this.#observer; end && observer; observer = this.#observer) {
      this.#observer = this.#others?.shift();
      told ||= !observer.closed;
      tell(observer, end, this.state);
    }
    // It has waited, and the collector has to move each object that what is old keeps: so of most responses it is the code.
    if (typeof end === 'object' && end === this.ended) this.ended = end.iss ? end : (end.code ?? end);
    return told;
  }

  /** Tells it now, or when the flow ends. */
  attach(observer: FlowObserver): void {
    if (this.ended) tell(observer, this.ended, this.state);
    else if (this.#observer) [this.#observer, ...this.#others] = [...this.observers, observer];
    else this.#observer = observer;
  }
}

function tell(observer: FlowObserver, end: FlowEnd | string, state: string): void {
  if (typeof end === 'function') end(observer);
  else {
    observer.next(typeof end === 'string' ? new CallbackResponse({ code: end, state }) : end);
    observer.complete();
  }
}
