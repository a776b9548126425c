import type { Observable, Subscriber } from 'rxjs';
import { inspect, redactState, type CallbackResponse, type Inspect } from './callback-response.ts';
import type { Timed } from './deadlines.ts';
import { FlowCancelledError, FlowExpiredError, InvalidOptionError, ServerClosedError } from './errors.ts';
import { IsolatedObservable, type Report } from './isolated-observable.ts';
import { codeChallenge, randomToken } from './pkce.ts';

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
  /** Single flight: while a flow with this key is pending, `begin` joins it and ignores its other options. */
  key?: string;
}

/** Parameters for the authorization endpoint; an array sends its name several times (RFC 8707 `resource`). */
export type AuthorizationParameters = Readonly<Record<string, string | readonly string[] | undefined>>;

/** One sign-in, from the URL that starts it to the response that ends it. */
export interface Flow {
  /** Names the flow in `server.events`; no secret. */
  readonly id: string;
  readonly state: string;
  /** Where the authorization server must send the browser. */
  readonly redirectUri: string;
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
   * code challenge and `params`. Throws `InvalidOptionError` where `params` contradict those.
   */
  authorizationUrl(endpoint: string | URL, params?: AuthorizationParameters): URL;
  /** Ends this flow only. Does nothing once it has ended. */
  cancel(reason?: unknown): void;
}

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
}

/** A flow of this process. Made small, since a server may hold a million: what is not asked for is not there. */
export class PendingFlow implements Flow, Timed {
  slot = -1;
  readonly #owner: FlowOwner;
  readonly #sequence: number;
  #verifier: string | undefined;
  #subscribers: Subscriber<CallbackResponse>[] | undefined;
  #response: CallbackResponse | undefined;
  #ending: Ending | undefined;
  /** Undoes what `begin` set up outside the flow: abort listener, single-flight key. */
  release: (() => void) | undefined;

  constructor(
    owner: FlowOwner,
    sequence: number,
    readonly state: string,
    /** Milliseconds since the epoch; infinite for one that ends with its subscriber. */
    readonly deadline: number,
    /** Kept, since the token request names it again when the server may be closed. */
    readonly redirectUri: string,
  ) {
    this.#owner = owner;
    this.#sequence = sequence;
  }

  get id(): string {
    return String(this.#sequence);
  }

  get codeVerifier(): string {
    return (this.#verifier ??= randomToken());
  }

  get pending(): boolean {
    return !this.#response && !this.#ending;
  }

  get observed(): boolean {
    return this.#subscribers !== undefined && this.#subscribers.length > 0;
  }

  get response(): Observable<CallbackResponse> {
    return new IsolatedObservable<CallbackResponse>(this.#owner.report, (subscriber) =>
      this.#attach(subscriber),
    );
  }

  authorizationUrl(endpoint: string | URL, params: AuthorizationParameters = {}): URL {
    return authorizationUrl(endpoint, params, {
      response_type: 'code',
      redirect_uri: this.redirectUri,
      state: this.state,
      code_challenge: codeChallenge(this.codeVerifier),
      code_challenge_method: 'S256',
    });
  }

  cancel(reason?: unknown): void {
    this.#owner.cancel(this, { type: 'cancelled', cause: reason });
  }

  toJSON(): object {
    return { id: this.id, state: redactState(this.state), redirectUri: this.redirectUri };
  }

  [inspect](_depth: number, options: object, print: Inspect): string {
    return `Flow ${print(this.toJSON(), options)}`;
  }

  /** The index has consumed the state for this response. Says whether somebody received it. */
  deliver(response: CallbackResponse): boolean {
    this.#response = response;
    const subscribers = this.#leave();
    for (const subscriber of subscribers) {
      subscriber.next(response);
      subscriber.complete();
    }
    return subscribers.length > 0;
  }

  /** The index has dropped the flow. A response that was kept for it is wiped. */
  end(ending: Ending): void {
    this.#response = undefined;
    this.#ending = ending;
    const subscribers = this.#leave();
    if (subscribers.length === 0) return;
    const error = errorOf(ending);
    for (const subscriber of subscribers) subscriber.error(error);
  }

  #leave(): readonly Subscriber<CallbackResponse>[] {
    this.release?.();
    this.release = undefined;
    const subscribers = this.#subscribers ?? [];
    this.#subscribers = undefined;
    return subscribers;
  }

  #attach(subscriber: Subscriber<CallbackResponse>): (() => void) | undefined {
    if (this.#response && this.#owner.now() >= this.deadline) this.end({ type: 'expired' });
    if (this.#response) {
      this.#owner.taken(this);
      subscriber.next(this.#response);
      subscriber.complete();
    } else if (this.#ending) {
      subscriber.error(errorOf(this.#ending));
    } else {
      (this.#subscribers ??= []).push(subscriber);
      return () => {
        const place = this.#subscribers?.indexOf(subscriber) ?? -1;
        if (place >= 0) this.#subscribers?.splice(place, 1);
      };
    }
    return undefined;
  }
}

function errorOf({ type, cause }: Ending): Error {
  if (type === 'expired') return new FlowExpiredError('the flow expired before its redirect came');
  if (type === 'closed')
    return new ServerClosedError('the callback server closed while the flow was pending');
  return new FlowCancelledError('the flow was cancelled', cause === undefined ? undefined : { cause });
}

function authorizationUrl(
  endpoint: string | URL,
  params: AuthorizationParameters,
  own: Readonly<Record<string, string>>,
): URL {
  const text = String(endpoint);
  // `new URL` would throw with the whole input in its error.
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') {
    const got = JSON.stringify(text.replace(/[?#].*$/s, '…').slice(0, 100));
    throw new InvalidOptionError('endpoint', `must be an http or https URL, got ${got}`);
  }
  if (url.hash) throw new InvalidOptionError('endpoint', 'must not have a fragment (RFC 6749 section 3.1)');
  for (const [name, value] of Object.entries(own)) {
    const given = params[name] ?? url.searchParams.get(name) ?? value;
    if (given !== value)
      throw new InvalidOptionError(name, 'is set by the flow; leave it out of the parameters');
    url.searchParams.set(name, value);
  }
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || Object.hasOwn(own, name)) continue;
    for (const each of typeof value === 'string' ? [value] : value) url.searchParams.append(name, each);
  }
  return url;
}
