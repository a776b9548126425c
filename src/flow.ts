import type { Observable } from 'rxjs';
import { authorizationUrl, type AuthorizationParameters } from './authorization-url.ts';
import { inspect, redactState, type CallbackResponse, type Inspect } from './callback-response.ts';
import type { Timed } from './deadlines.ts';
import { FlowCancelledError, FlowExpiredError, ServerClosedError } from './errors.ts';
import type { Expectation } from './expectation.ts';
import { IsolatedObservable, type Report } from './isolated-observable.ts';
import { ObservedFlow, type FlowObserver } from './observed-flow.ts';
import { codeChallenge, randomToken } from './pkce.ts';
import type { ResponseMode } from './redirect.ts';

/** How one sign-in is begun. Every option has a default. */
export interface BeginOptions {
  /**
   * The state to wait for, where another library has made it: at least 22 visible ASCII characters.
   * @default 256 random bits as 43 base64url characters
   */
  state?: string;
  /**
   * Milliseconds until the flow expires.
   * @default the server's `flowTtl`
   */
  ttl?: number;
  /** Cancels the flow when it aborts. */
  signal?: AbortSignal;
  /** The issuer of the authorization server; a response of another one is refused. @see RFC 9207 section 2.4 */
  issuer?: string;
  /**
   * Whether its metadata says `authorization_response_iss_parameter_supported`; then a response must carry `iss`.
   * @default false
   */
  issuerAdvertised?: boolean;
  /**
   * Refuses a response without `iss`, advertised or not.
   * @default false
   */
  requireIssuer?: boolean;
  /**
   * What to do with a response whose `iss` was not advertised: compare it all the same, or discard the response.
   * @default 'compare'
   */
  unadvertisedIssuer?: 'compare' | 'discard';
  /**
   * How the authorization server sends the response; one that comes otherwise is refused.
   * @default 'query'
   */
  responseMode?: ResponseMode;
  /**
   * Gives the flow a redirect URI of its own, `callbackPath` + `/` + `context`, to register with one authorization
   * server and no other: letters, digits, `.`, `_` and `-`.
   * @see RFC 8252 section 8.10
   */
  context?: string;
  /** Single flight: while a flow with this key is pending, `begin` joins it and ignores its other options. */
  key?: string;
}

/** One sign-in, from the URL that starts it to the response that ends it. */
export interface Flow {
  /** Names the flow in `server.events`; no secret. */
  readonly id: string;
  readonly state: string;
  /** Where the authorization server must send the browser. */
  readonly redirectUri: string;
  /** When its time is over, in milliseconds since the epoch. */
  readonly expiresAt: number;
  /** For the token request. Made when first read. @see RFC 7636 section 4.1 */
  readonly codeVerifier: string;
  /**
   * The response of exactly this flow: at most one value, then completes. A provider's `error` is a value.
   *
   * Each subscriber gets it, one that comes late too, until the flow's time to live is over. Errors with
   * `FlowExpiredError`, `FlowCancelledError` or `ServerClosedError`.
   */
  readonly response: Observable<CallbackResponse>;
  /**
   * The URL to open in the browser: `endpoint` with `response_type=code`, `redirect_uri`, `state`, an S256
   * code challenge and `params`. Throws `InvalidOptionError` where `params` contradict those or `responseMode`.
   */
  authorizationUrl(endpoint: string | URL, params?: AuthorizationParameters): URL;
  /**
   * Tells the waiting page how the sign-in really ended, once the token request has. Without `settle` in the server's
   * options no page waits, and this is only an event.
   */
  settle(outcome: Outcome): void;
  /** Ends this flow only. Does nothing once it has ended. */
  cancel(reason?: unknown): void;
}

/** How a sign-in ended: on the page, a success, a failure with a sentence, or a redirect to a configured URL. */
export type Outcome =
  { status: 'success' } | { status: 'failure'; message: string } | { status: 'redirect'; url: string };

/** How a flow ended without a response; `cause` goes into the error. */
export interface Ending {
  type: 'expired' | 'cancelled' | 'closed';
  cause?: unknown;
}

/** What a flow needs of the index it stands in. */
export interface FlowOwner {
  readonly report: Report;
  now(): number;
  cancel(flow: PendingFlow, ending: Ending): void;
  taken(flow: PendingFlow): void;
  /** Throws `InvalidOptionError` for a redirect to a URL that is not configured. */
  settle(flow: PendingFlow, outcome: Outcome): void;
}

// What a flow's deadline counts from, which makes it a small integer: V8 keeps that in the flow, any other number beside it.
const since = Date.now();

/** A flow of this process. Made small, since a server may hold a million: what is not asked for is not there. */
export class PendingFlow extends ObservedFlow implements Flow, Timed {
  slot = -1;
  /** Kept, since the token request names it again when the server may be closed. */
  redirectUri = '';
  readonly #owner: FlowOwner;
  readonly #sequence: number | string;
  #due!: number;
  #verifier: string | undefined;
  /** The app has said how the sign-in ended; it says so once. */
  settled = false;
  /** The page that waits for the outcome. */
  onSettled: ((outcome: Outcome) => void) | undefined;

  constructor(
    owner: FlowOwner,
    sequence: number | string,
    readonly state: string,
    deadline: number,
    public expectation: Expectation,
  ) {
    super();
    this.#owner = owner;
    this.#sequence = sequence;
    this.deadline = deadline;
  }

  /** Milliseconds since the epoch; infinite for one that ends with its subscriber. */
  get deadline(): number {
    return this.#due + since;
  }

  set deadline(at: number) {
    this.#due = at - since;
  }

  get id(): string {
    return String(this.#sequence);
  }

  get expiresAt(): number {
    return this.deadline;
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
    return authorizationUrl(endpoint, params, {
      response_type: 'code',
      redirect_uri: this.redirectUri,
      state: this.state,
      code_challenge: codeChallenge(this.codeVerifier),
      code_challenge_method: 'S256',
      ...(this.expectation.responseMode !== 'query' && { response_mode: this.expectation.responseMode }),
    });
  }

  settle(outcome: Outcome): void {
    this.#owner.settle(this, outcome);
  }

  cancel(reason?: unknown): void {
    this.#owner.cancel(this, { type: 'cancelled', cause: reason });
  }

  /** What printing a flow shows: not the whole state. */
  toJSON(): object {
    return { id: this.id, state: redactState(this.state), redirectUri: this.redirectUri };
  }

  [inspect](_depth: number, options: object, print: Inspect): string {
    return `Flow ${print(this.toJSON(), options)}`;
  }

  /** The index has dropped the flow. A response that was kept for it is wiped. */
  mark(ending: Ending | Error): void {
    this.ended = (observer) => observer.error('type' in ending ? errorOf(ending) : ending);
  }

  override attach(observer: FlowObserver): void {
    if (this.ended && typeof this.ended !== 'function') {
      if (this.#owner.now() >= this.deadline) this.mark({ type: 'expired' });
      else this.#owner.taken(this);
    }
    super.attach(observer);
  }
}

function errorOf({ type, cause }: Ending): Error {
  if (type === 'expired') return new FlowExpiredError('the flow expired before its redirect came');
  if (type === 'closed')
    return new ServerClosedError('the callback server closed while the flow was pending');
  return new FlowCancelledError('the flow was cancelled', cause === undefined ? undefined : { cause });
}
