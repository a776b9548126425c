import { BehaviorSubject, catchError, NEVER, switchMap, take, tap, throwError, type Observable } from 'rxjs';
import { IsolatedObservable, type Report } from '../base/isolated-observable.ts';
import { FlowHandle } from '../flows/flow-handle.ts';
import type { AuthorizationParameters } from '../model/authorization-url.ts';
import type { CallbackResponse } from '../model/callback-response.ts';
import type { Binding } from '../model/binding.ts';
import { FlowCancelledError } from '../model/errors.ts';
import type { BeginOptions, Flow, Outcome } from '../model/flow.ts';

/** The part of a shared host that its flows need. */
export interface SharedFlowOwner {
  readonly report: Report;
  /** Called when the flow has ended, so that it does not go on at another server. */
  ended(flow: SharedFlow): void;
}

/** A flow of this process, wherever it is registered now. Its state and its verifier stay the same. */
export class SharedFlow implements Flow {
  readonly #first: Flow;
  readonly #owner: SharedFlowOwner;
  readonly #options: BeginOptions;
  readonly #places: BehaviorSubject<Flow | Error>;
  /** The only object that programs get for this flow. */
  readonly handle = new FlowHandle(this);
  #last: Flow;
  /** True between two servers: the end of the flow at the one before is no end of this flow. */
  #moving = false;

  constructor(first: Flow, options: BeginOptions, owner: SharedFlowOwner) {
    this.#first = this.#last = first;
    this.#owner = owner;
    this.#options = options;
    this.#places = new BehaviorSubject<Flow | Error>(first);
  }

  /** Id at the server that has the flow now, as its events have it. */
  get id(): string {
    return this.#last.id;
  }

  /** The flow as it was registered last. */
  get last(): Flow {
    return this.#last;
  }

  get state(): string {
    return this.#first.state;
  }

  get redirectUri(): string {
    return this.#first.redirectUri;
  }

  get expiresAt(): number {
    return this.#first.expiresAt;
  }

  get binding(): Binding {
    return this.#first.binding;
  }

  get codeVerifier(): string {
    return this.#first.codeVerifier;
  }

  get response(): Observable<CallbackResponse> {
    const all = this.#places.pipe(
      switchMap((place) => {
        if (place instanceof Error) return throwError(() => place);
        return place.response.pipe(
          catchError((error: unknown) => (this.#moving ? NEVER : throwError(() => error))),
        );
      }),
      take(1),
      tap({ next: () => this.#owner.ended(this), error: () => this.#owner.ended(this) }),
    );
    return new IsolatedObservable(this.#owner.report, (subscriber) => all.subscribe(subscriber));
  }

  /** Options with which the flow goes on at another server. @param now Milliseconds since the epoch. */
  optionsAt(now: number): BeginOptions {
    return { ...this.#options, state: this.state, ttl: Math.max(1, Math.ceil(this.expiresAt - now)) };
  }

  /** Tells if the flow has ended without a response. */
  get failed(): boolean {
    return this.#places.value instanceof Error;
  }

  /** Tells if the flow waits for its redirect. Ask before its server is left. */
  get pending(): boolean {
    const place = this.#places.value;
    if (place instanceof Error) return false;
    let pending = true;
    const end = (): void => {
      pending = false;
    };
    place.response.subscribe({ next: end, error: end, complete: end }).unsubscribe();
    return pending;
  }

  /** Leaves a server that is gone. Call `move` next. */
  leave(): void {
    this.#moving = true;
  }

  /** Goes on at another server, or ends with an error. */
  move(place: Flow | Error): void {
    this.#moving = false;
    if (place instanceof Error) this.#owner.ended(this);
    else this.#last = place;
    this.#places.next(place);
  }

  authorizationUrl(endpoint: string | URL, params?: AuthorizationParameters): URL {
    return this.#first.authorizationUrl(endpoint, params);
  }

  startUrl(url: string | URL): URL {
    return this.#first.startUrl(url);
  }

  confirm(code: string): Promise<void> {
    return this.#first.confirm(code);
  }

  settle(outcome: Outcome): void {
    const place = this.#places.value;
    if (!(place instanceof Error)) place.settle(outcome);
  }

  cancel(reason?: unknown): void {
    const place = this.#places.value;
    if (place instanceof Error) return;
    // Between two servers there is nobody to cancel it at; the next one does not get it.
    if (this.#moving)
      this.move(
        new FlowCancelledError(
          'the flow was cancelled',
          reason === undefined ? undefined : { cause: reason },
        ),
      );
    else {
      this.#owner.ended(this);
      place.cancel(reason);
    }
  }
}
