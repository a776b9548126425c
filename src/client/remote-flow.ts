import { AsyncSubject, type Observable } from 'rxjs';
import { authorizationUrl, type AuthorizationParameters } from '../authorization-url.ts';
import { CallbackResponse, inspect, redactState, type Inspect } from '../callback-response.ts';
import { FlowCancelledError, FlowExpiredError, type ServerClosedError } from '../errors.ts';
import type { BeginOptions, Flow, Outcome } from '../flow.ts';
import { IsolatedObservable, type Report } from '../isolated-observable.ts';
import type { StoredResult } from '../store/store.ts';
import { challengeOf, keyOf, randomSecret } from './secrets.ts';

export interface RemoteFlowOwner {
  readonly report: Report;
  now(): number;
  cancel(flow: RemoteFlow): void;
  settle(flow: RemoteFlow, outcome: Outcome): void;
}

/** A flow whose redirect arrives at a service. Its verifier and its secret never leave this process. */
export class RemoteFlow implements Flow {
  /** Given by the service. */
  id = '';
  redirectUri = '';
  /** Milliseconds since the epoch, by the service's clock. */
  expiresAt = Infinity;
  /** Of the connection that listens for it. */
  nonce: string | undefined;
  /** What the program has said of the sign-in; it says so once. */
  outcome: Outcome | undefined;
  cancelled = false;
  readonly state: string;
  readonly options: BeginOptions;
  readonly response: Observable<CallbackResponse>;
  /** SHA-256 of the secret: what the service knows it by. */
  readonly key: string;
  readonly #owner: RemoteFlowOwner;
  readonly #verifier: string;
  readonly #challenge: string;
  readonly #result = new AsyncSubject<CallbackResponse>();
  #ended = false;
  /** Undoes what `begin` set up outside the flow. */
  release: (() => void) | undefined;
  /** Stops waiting for the service, which keeps an ended flow for a while. */
  stop: (() => void) | undefined;

  private constructor(
    owner: RemoteFlowOwner,
    options: BeginOptions,
    key: string,
    verifier: string,
    challenge: string,
  ) {
    this.#owner = owner;
    this.options = options;
    this.state = options.state ?? randomSecret();
    this.key = key;
    this.#verifier = verifier;
    this.#challenge = challenge;
    this.response = new IsolatedObservable(owner.report, (subscriber) => {
      if (this.#ended && owner.now() >= this.expiresAt)
        subscriber.error(new FlowExpiredError('the flow has expired'));
      else return this.#result.subscribe(subscriber);
      return undefined;
    });
  }

  static async create(owner: RemoteFlowOwner, options: BeginOptions): Promise<RemoteFlow> {
    const verifier = randomSecret();
    const [key, challenge] = await Promise.all([keyOf(randomSecret()), challengeOf(verifier)]);
    return new RemoteFlow(owner, options, key, verifier, challenge);
  }

  get codeVerifier(): string {
    return this.#verifier;
  }

  get pending(): boolean {
    return !this.#ended;
  }

  authorizationUrl(endpoint: string | URL, params: AuthorizationParameters = {}): URL {
    const { responseMode = 'query' } = this.options;
    return authorizationUrl(endpoint, params, {
      response_type: 'code',
      redirect_uri: this.redirectUri,
      state: this.state,
      code_challenge: this.#challenge,
      code_challenge_method: 'S256',
      ...(responseMode !== 'query' && { response_mode: responseMode }),
    });
  }

  settle(outcome: Outcome): void {
    this.#owner.settle(this, outcome);
  }

  cancel(reason?: unknown): void {
    if (this.#ended) return;
    this.cancelled = true;
    this.fail(
      new FlowCancelledError('the flow was cancelled', reason === undefined ? undefined : { cause: reason }),
    );
    this.#owner.cancel(this);
  }

  /** The flow's terminal event; a second one changes nothing. */
  end(result: StoredResult): void {
    if (result.type === 'expired')
      this.fail(new FlowExpiredError('the flow expired before its redirect came'));
    else if (result.type === 'cancelled')
      this.fail(new FlowCancelledError('the flow was cancelled at the service'));
    else {
      // First: a result that is none ends nothing.
      const response = CallbackResponse.fromDict(result.response);
      if (!this.#finish()) return;
      this.#result.next(response);
      this.#result.complete();
    }
  }

  fail(error: FlowCancelledError | FlowExpiredError | ServerClosedError): void {
    if (!this.#finish()) return;
    // Nobody may be subscribed yet, or ever; whoever subscribes is told.
    this.#result.error(error);
  }

  toJSON(): object {
    return { id: this.id, state: redactState(this.state), redirectUri: this.redirectUri };
  }

  [inspect](_depth: number, options: object, print: Inspect): string {
    return `Flow ${print(this.toJSON(), options)}`;
  }

  #finish(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.release?.();
    this.release = undefined;
    return true;
  }
}
