import type { Observable } from 'rxjs';
import { authorizationUrl, type AuthorizationParameters } from '../authorization-url.ts';
import { CallbackResponse, inspect, redactState, type Inspect } from '../callback-response.ts';
import { FlowCancelledError, FlowExpiredError, type ServerClosedError } from '../errors.ts';
import type { BeginOptions, Flow, Outcome } from '../flow.ts';
import { IsolatedObservable, type Report } from '../isolated-observable.ts';
import { ObservedFlow, type FlowEnd, type FlowObserver } from '../observed-flow.ts';
import type { StoredResult } from '../store/store.ts';
import { challengeOf, randomSecret } from './secrets.ts';

export interface RemoteFlowOwner {
  readonly report: Report;
  now(): number;
  cancel(flow: RemoteFlow): void;
  settle(flow: RemoteFlow, outcome: Outcome): void;
}

/** A flow whose redirect arrives at a service. Its verifier and its secret never leave this process. */
export class RemoteFlow extends ObservedFlow implements Flow {
  /** Given by the service. */
  id = '';
  redirectUri = '';
  /** Milliseconds since the epoch, by this process's clock. */
  expiresAt = Infinity;
  /** Of the connection that listens for it. */
  nonce: string | undefined = undefined;
  /** What the program has said of the sign-in; it says so once. */
  outcome: Outcome | undefined;
  readonly state: string;
  readonly options: BeginOptions;
  /** SHA-256 of the secret: what the service knows it by. */
  readonly key: string;
  readonly #owner: RemoteFlowOwner;
  readonly #verifier: string;
  readonly #challenge: string;

  private constructor(owner: RemoteFlowOwner, options: BeginOptions, verifier: string, challenge: string) {
    super();
    this.#owner = owner;
    this.options = options;
    this.state = options.state ?? randomSecret();
    // A digest of a secret that nobody has would be as random.
    this.key = randomSecret();
    this.#verifier = verifier;
    this.#challenge = challenge;
  }

  static async create(owner: RemoteFlowOwner, options: BeginOptions): Promise<RemoteFlow> {
    const verifier = randomSecret();
    return new RemoteFlow(owner, options, verifier, await challengeOf(verifier));
  }

  get codeVerifier(): string {
    return this.#verifier;
  }

  get response(): Observable<CallbackResponse> {
    return new IsolatedObservable<CallbackResponse>(this.#owner.report, (observer) => this.attach(observer));
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
    if (!this.pending) return;
    this.fail(
      new FlowCancelledError('the flow was cancelled', reason === undefined ? undefined : { cause: reason }),
    );
    this.#owner.cancel(this);
  }

  /** How the service says that it ended. A result that is none throws, and ends nothing. */
  receive(result: StoredResult): void {
    if (result.type === 'expired')
      this.fail(new FlowExpiredError('the flow expired before its redirect came'));
    else if (result.type === 'cancelled')
      this.fail(new FlowCancelledError('the flow was cancelled at the service'));
    else this.finish(CallbackResponse.fromDict(result.response));
  }

  fail(error: FlowCancelledError | FlowExpiredError | ServerClosedError): void {
    this.finish((observer) => observer.error(error));
  }

  toJSON(): object {
    return { id: this.id, state: redactState(this.state), redirectUri: this.redirectUri };
  }

  [inspect](_depth: number, options: object, print: Inspect): string {
    return `Flow ${print(this.toJSON(), options)}`;
  }

  override attach(observer: FlowObserver): void {
    if (!this.pending && this.#owner.now() >= this.expiresAt)
      observer.error(new FlowExpiredError('the flow expired'));
    else super.attach(observer);
  }

  /** A second terminal event changes nothing. */
  protected finish(end: FlowEnd): void {
    if (!this.pending) return;
    this.ended = end;
    this.tell();
  }
}
