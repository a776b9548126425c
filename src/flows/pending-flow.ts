import type { Observable } from 'rxjs';
import type { Timed } from '../base/deadlines.ts';
import { IsolatedObservable, type Report } from '../base/isolated-observable.ts';
import { randomToken } from '../base/random.ts';
import { authorizationUrl, type AuthorizationParameters } from '../model/authorization-url.ts';
import type { CallbackResponse } from '../model/callback-response.ts';
import {
  FlowCancelledError,
  FlowExpiredError,
  ServerClosedError,
  type UnansweredError,
} from '../model/errors.ts';
import type { Confirmation } from '../model/confirmation.ts';
import type { Binding } from '../model/binding.ts';
import { bindingOf, type Expectation } from '../model/expectation.ts';
import type { Flow, Outcome } from '../model/flow.ts';
import type { FlowDescription } from '../model/flow-description.ts';
import { codeChallenge } from '../model/pkce.ts';
import { FlowHandle } from './flow-handle.ts';
import { ObservedFlow, type FlowObserver } from './observed-flow.ts';

/** The part of the index that a flow needs. */
export interface FlowOwner {
  readonly report: Report;
  /** Returns the time by the clock that flows expire by, in milliseconds since the epoch. */
  now(): number;
  /** Ends a pending flow with this error. */
  cancel(flow: PendingFlow, error: UnansweredError): void;
  /** Called when a late subscriber receives the kept response. */
  taken(flow: PendingFlow): void;
  /** Returns the URL to open in the browser for an authorization URL. */
  startUrl(flow: PendingFlow, url: string | URL): URL;
  /** Delivers the response if the code is that of the page. Rejects with `WrongCodeError` otherwise. */
  confirm(flow: PendingFlow, code: string): Promise<void>;
  /** Reports an outcome. Throws `InvalidOptionError` for a redirect to a URL that is not in `finishUrls`. */
  settle(flow: PendingFlow, outcome: Outcome): void;
}

/** A response that no subscriber gets before a person has confirmed it. */
export interface Unconfirmed {
  readonly response: CallbackResponse;
  readonly confirmation: Confirmation;
}

/** A flow of this process, as the index keeps it. Programs get its `handle`. */
export class PendingFlow extends ObservedFlow implements Flow, Timed {
  slot = -1;
  /** Set when the index adds it, in milliseconds since the epoch. */
  begunAt = 0;
  /** Stored here, because the token request names it too, possibly after the server has closed. */
  redirectUri = '';
  /** Id of the flow's start URL, if it is bound to the browser. */
  startId: string | undefined = undefined;
  /** Response that waits until a person has typed in the page's code. */
  unconfirmed: Unconfirmed | undefined = undefined;
  /** Set once the program has reported an outcome; later ones are ignored. */
  settled = false;
  /** Callback of the page that waits for the outcome. */
  onSettled: ((outcome: Outcome) => void) | undefined = undefined;
  readonly #owner: FlowOwner;
  #verifier: string | undefined = undefined;
  #handle: FlowHandle | undefined = undefined;

  /**
   * @param expiresAt Milliseconds since the epoch; infinite for a flow that ends with its last subscriber.
   * @param verifier Verifier of a flow that another process has begun.
   */
  constructor(
    owner: FlowOwner,
    readonly id: string,
    readonly state: string,
    public expiresAt: number,
    public expectation: Expectation,
    public description?: FlowDescription,
    verifier?: string,
  ) {
    super();
    this.#owner = owner;
    this.#verifier = verifier;
  }

  /** The only object that programs get for this flow. */
  get handle(): FlowHandle {
    return (this.#handle ??= new FlowHandle(this));
  }

  get binding(): Binding {
    return bindingOf(this.expectation);
  }

  get codeVerifier(): string {
    return (this.#verifier ??= randomToken());
  }

  get response(): Observable<CallbackResponse> {
    return new IsolatedObservable<CallbackResponse>(this.#owner.report, (subscriber) =>
      this.attach(subscriber),
    );
  }

  authorizationUrl(endpoint: string | URL, params: AuthorizationParameters = {}): URL {
    const url = authorizationUrl(endpoint, params, {
      response_type: 'code',
      redirect_uri: this.redirectUri,
      state: this.state,
      code_challenge: codeChallenge(this.codeVerifier),
      code_challenge_method: 'S256',
      ...(this.expectation.responseMode !== 'query' && { response_mode: this.expectation.responseMode }),
    });
    return this.startUrl(url);
  }

  startUrl(url: string | URL): URL {
    return this.#owner.startUrl(this, url);
  }

  confirm(code: string): Promise<void> {
    return this.#owner.confirm(this, code);
  }

  settle(outcome: Outcome): void {
    this.#owner.settle(this, outcome);
  }

  cancel(reason?: unknown): void {
    this.#owner.cancel(
      this,
      new FlowCancelledError('the flow was cancelled', reason === undefined ? undefined : { cause: reason }),
    );
  }

  override attach(observer: FlowObserver): () => void {
    if (this.end && 'response' in this.end) {
      if (this.#owner.now() >= this.expiresAt) this.end = { error: expiredError() };
      else this.#owner.taken(this);
    }
    return super.attach(observer);
  }
}

/** Makes the error of a flow whose time to live is over. */
export function expiredError(): FlowExpiredError {
  return new FlowExpiredError('the flow expired before its redirect came');
}

/** Makes the error of a flow that was pending when its server closed. */
export function closedError(): ServerClosedError {
  return new ServerClosedError('the callback server closed while the flow was pending');
}
