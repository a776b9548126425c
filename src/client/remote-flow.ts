import type { Observable } from 'rxjs';
import { authorizationUrl, type AuthorizationParameters } from '../model/authorization-url.ts';
import type { CallbackResponse } from '../model/callback-response.ts';
import {
  FlowCancelledError,
  FlowExpiredError,
  type FlowTakenOverError,
  type UnansweredError,
} from '../model/errors.ts';
import { readExpectation, usualExpectation, type IssuerExpectation } from '../model/expectation.ts';
import type { Binding } from '../model/binding.ts';
import type { BeginOptions, Outcome } from '../model/flow.ts';
import { confirmError } from '../model/binding.ts';
import { readStartTarget } from '../model/start-url.ts';
import { requireText } from '../base/validate.ts';
import { IsolatedObservable, type Report } from '../base/isolated-observable.ts';
import { ResumableHandle, type ResumableFlow } from '../flows/resumable-flow.ts';
import { ObservedFlow, type FlowEnd, type FlowObserver } from '../flows/observed-flow.ts';
import type { StoredResult } from '../model/flow-store.ts';
import type { Timed } from '../base/deadlines.ts';
import { textOfFlow, type SavedFlow } from '../model/saved-flow.ts';
import { responseFor } from './service-claims.ts';
import { challengeOf, randomSecret } from './secrets.ts';

export interface RemoteFlowOwner {
  readonly report: Report;
  now(): number;
  /** Converts a time of this process's clock to the clock of the service. */
  toServiceTime(at: number): number;
  cancel(flow: RemoteFlow): void;
  /** Sends the target of the flow's start URL. */
  lead(flow: RemoteFlow): void;
  /** Sends a code that a person has typed in. Resolves once the service has confirmed it. */
  confirm(flow: RemoteFlow, code: string): Promise<void>;
  settle(flow: RemoteFlow, outcome: Outcome): void;
}

interface Secrets {
  readonly state: string;
  readonly key: string;
  readonly verifier: string;
}

/** A flow whose redirect arrives at a service. Its verifier leaves this process only by `toResumable`. */
export class RemoteFlow extends ObservedFlow implements ResumableFlow, Timed {
  slot = -1;
  /** Id that the service has given. */
  id = '';
  redirectUri = '';
  /** Milliseconds since the epoch, by this process's clock. */
  expiresAt = Infinity;
  binding: Binding = 'none';
  /** Start URL at the service, if the flow is bound to the browser. */
  startsAt: string | undefined = undefined;
  /** URL that the start URL leads to, once the program has built it. */
  target: string | undefined = undefined;
  /** Nonce of the connection that listens for the flow. */
  nonce: string | undefined = undefined;
  /** Outcome of the sign-in, once the program has settled it. */
  outcome: Outcome | undefined;
  readonly state: string;
  readonly options: BeginOptions;
  readonly #issuer: IssuerExpectation | undefined;
  /** Key that proves ownership of the flow to the service: 32 random bytes, base64url. */
  readonly key: string;
  readonly #owner: RemoteFlowOwner;
  readonly #verifier: string;
  readonly #challenge: string;
  #handle: ResumableHandle | undefined = undefined;

  private constructor(owner: RemoteFlowOwner, options: BeginOptions, secrets: Secrets, challenge: string) {
    super();
    this.#owner = owner;
    this.options = options;
    // An issuer that only the service knows is for the service to compare.
    this.#issuer = options.issuer ? readExpectation(options, usualExpectation('/'), []).issuer : undefined;
    this.state = secrets.state;
    this.key = secrets.key;
    this.#verifier = secrets.verifier;
    this.#challenge = challenge;
  }

  static async create(owner: RemoteFlowOwner, options: BeginOptions): Promise<RemoteFlow> {
    const secrets = { state: options.state ?? randomSecret(), key: randomSecret(), verifier: randomSecret() };
    return new RemoteFlow(owner, options, secrets, await challengeOf(secrets.verifier));
  }

  /** Creates a flow that a process has begun before. */
  static async from(owner: RemoteFlowOwner, saved: SavedFlow): Promise<RemoteFlow> {
    const { flowId: id, state, key, codeVerifier: verifier, redirectUri, options } = saved;
    const { startsAt, binding = 'none' } = saved;
    const flow = new RemoteFlow(owner, options, { state, key, verifier }, await challengeOf(verifier));
    return Object.assign(flow, { id, redirectUri, startsAt, binding });
  }

  /** The one object that programs get of this flow. */
  get handle(): ResumableHandle {
    return (this.#handle ??= new ResumableHandle(this));
  }

  get codeVerifier(): string {
    return this.#verifier;
  }

  get response(): Observable<CallbackResponse> {
    return new IsolatedObservable<CallbackResponse>(this.#owner.report, (observer) => this.attach(observer));
  }

  authorizationUrl(endpoint: string | URL, params: AuthorizationParameters = {}): URL {
    const { responseMode = 'query' } = this.options;
    const url = authorizationUrl(endpoint, params, {
      response_type: 'code',
      redirect_uri: this.redirectUri,
      state: this.state,
      code_challenge: this.#challenge,
      code_challenge_method: 'S256',
      ...(responseMode !== 'query' && { response_mode: responseMode }),
    });
    return this.startUrl(url);
  }

  startUrl(given: string | URL): URL {
    const url = readStartTarget(given);
    if (this.startsAt === undefined) return url;
    this.target = url.href;
    this.#owner.lead(this);
    return new URL(this.startsAt);
  }

  async confirm(code: string): Promise<void> {
    requireText('code', code);
    if (this.end && 'error' in this.end) throw this.end.error;
    if (this.binding !== 'code') throw confirmError();
    if (this.pending) await this.#owner.confirm(this, code);
  }

  settle(outcome: Outcome): void {
    this.#owner.settle(this, outcome);
  }

  toResumable(): string {
    const { id: flowId, state, key, codeVerifier, redirectUri, startsAt, binding } = this;
    const expiresAt = this.#owner.toServiceTime(this.expiresAt);
    const bound = { ...(startsAt !== undefined && { startsAt }), ...(binding !== 'none' && { binding }) };
    return textOfFlow({ flowId, state, key, codeVerifier, redirectUri, ...bound, expiresAt }, this.options);
  }

  cancel(reason?: unknown): void {
    if (!this.pending) return;
    this.fail(
      new FlowCancelledError('the flow was cancelled', reason === undefined ? undefined : { cause: reason }),
    );
    this.#owner.cancel(this);
  }

  /** Ends the flow with the service's result. An invalid result throws and ends nothing. */
  receive(result: StoredResult): void {
    if (result.type === 'expired')
      this.fail(new FlowExpiredError('the flow expired before its redirect came'));
    else if (result.type === 'cancelled')
      this.fail(new FlowCancelledError('the flow was cancelled at the service'));
    else this.finish({ response: responseFor({ state: this.state, issuer: this.#issuer }, result.response) });
  }

  fail(error: UnansweredError | FlowTakenOverError): void {
    this.finish({ error });
  }

  override attach(observer: FlowObserver): () => void {
    if (!this.pending && this.#owner.now() >= this.expiresAt)
      this.end = { error: new FlowExpiredError('the flow expired') };
    return super.attach(observer);
  }

  /** Ends the flow once; later calls change nothing. */
  protected finish(end: FlowEnd): void {
    if (!this.pending) return;
    this.end = end;
    this.notify();
  }
}
