import { inspect, type Inspect } from '../model/callback-response.ts';
import type { Disposition, RefusalReason, ResponseMode } from '../model/redirect.ts';
import { confirmError, type Binding } from '../model/binding.ts';
import type { Flow } from '../model/flow.ts';
import { linksOf, type FlowLink } from '../model/flow-link.ts';
import type { SignInError } from './errors.ts';
import type { Tokens } from './tokens.ts';

/**
 * The events of a sign-in, in this order. The last one is `exchanged` or `failed`. While the sign-in waits, any number of
 * redirects may be `rejected`. A sign-in by the device grant alone has neither `authorize` nor `received`.
 *
 * `at` is in milliseconds since the epoch. `flowId` is the id of the flow, as in the events of its host; it is undefined if the
 * sign-in expects no redirect. Printing an event shows neither a token, nor the state, nor a code.
 */
export type SignInEvent =
  | DiscoveredEvent
  | RegisteredEvent
  | AuthorizeEvent
  | OpenedEvent
  | WaitingEvent
  | DeviceEvent
  | RejectedEvent
  | ReceivedEvent
  | ExchangedEvent
  | FailedEvent;

/** Tells if an event ends a sign-in. */
export const isLast = ({ type }: SignInEvent): boolean => type === 'exchanged' || type === 'failed';

/** Prints an event without its secrets. They are private fields of the classes below. */
abstract class PrintedEvent {
  constructor(readonly at: number) {}

  /** Returns the fields without secrets, for printing. */
  toJSON(): object {
    return Object.fromEntries(Object.entries(this));
  }

  toString(): string {
    return `SignInEvent ${JSON.stringify(this)}`;
  }

  /** @internal */
  [inspect](_depth: number, options: object, print: Inspect): string {
    return `SignInEvent ${print(this.toJSON(), options)}`;
  }
}

/**
 * The authorization server's metadata was received and belongs to the issuer.
 *
 * @example
 * import type { DiscoveredEvent } from 'rx-oauth-callback/login';
 *
 * const log = ({ issuer }: DiscoveredEvent) => console.log(`Signing in at ${new URL(issuer).host}`);
 */
export class DiscoveredEvent extends PrintedEvent {
  readonly type = 'discovered';

  constructor(
    at: number,
    readonly issuer: string,
  ) {
    super(at);
  }
}

/**
 * The authorization server has registered a client (RFC 7591). Pass its id and secret to the next sign-in to avoid another
 * registration.
 *
 * @example
 * import type { RegisteredEvent } from 'rx-oauth-callback/login';
 *
 * const clientOf = ({ clientId, clientSecret }: RegisteredEvent) => ({ id: clientId, secret: clientSecret });
 */
export class RegisteredEvent extends PrintedEvent {
  readonly type = 'registered';
  readonly #clientSecret: string | undefined;

  constructor(
    at: number,
    readonly flowId: string | undefined,
    readonly clientId: string,
    clientSecret: string | undefined,
  ) {
    super(at);
    this.#clientSecret = clientSecret;
  }

  /** Secret of a confidential client; undefined for a public client, which `signIn` requests. */
  get clientSecret(): string | undefined {
    return this.#clientSecret;
  }

  override toJSON(): object {
    return { ...super.toJSON(), ...(this.#clientSecret !== undefined && { clientSecret: '[redacted]' }) };
  }
}

/** The flow that a user is asked to complete. */
type AuthorizedFlow = Pick<Flow, 'id' | 'state' | 'redirectUri' | 'binding'>;

/** URL of an authorization request, and the one that leads the user there. */
interface AuthorizationUrls {
  readonly url: URL;
  readonly startUrl: URL;
}

/**
 * The user must open `url` now. The host is ready to receive the redirect.
 *
 * @example
 * import type { AuthorizeEvent } from 'rx-oauth-callback/login';
 *
 * const show = ({ url }: AuthorizeEvent) => console.log(`Open ${url.href}`);
 */
export class AuthorizeEvent extends PrintedEvent {
  readonly type = 'authorize';
  readonly flowId: string;
  /** How the authorization server sends the response. One that is sent as a form cannot be pasted. */
  readonly responseMode: ResponseMode;
  /** Tie between who begins the sign-in and who finishes it. */
  readonly binding: Binding;
  readonly #url: string;
  readonly #authorizationUrl: string;
  readonly #flow: AuthorizedFlow;

  constructor(
    at: number,
    flow: AuthorizedFlow,
    { url, startUrl }: AuthorizationUrls,
    responseMode: ResponseMode,
  ) {
    super(at);
    this.flowId = flow.id;
    this.responseMode = responseMode;
    this.binding = flow.binding;
    this.#url = startUrl.href;
    this.#authorizationUrl = url.href;
    this.#flow = flow;
  }

  /** State of the flow, which `paste` needs for a bare code. */
  get state(): string {
    return this.#flow.state;
  }

  /** URL to which the authorization server sends the browser. */
  get redirectUri(): string {
    return this.#flow.redirectUri;
  }

  /** URL to open: the authorization URL or, if the flow is bound to the browser, its start URL, which leads there. */
  get url(): URL {
    return new URL(this.#url);
  }

  /** The authorization URL. Its query contains the flow's state, unless the request was pushed to the server before. */
  get authorizationUrl(): URL {
    return new URL(this.#authorizationUrl);
  }

  /**
   * Ways to the end of this sign-in, the one by `url` first, if its host has several, as that of `raceHosts` has; otherwise empty. A
   * device code is added to them when it is there, with the event `device`.
   */
  get links(): readonly FlowLink[] {
    return linksOf(this.#flow);
  }

  override toJSON(): object {
    const { origin, pathname } = this.authorizationUrl;
    return { ...super.toJSON(), endpoint: origin + pathname };
  }
}

/**
 * The option `open` has tried to open the authorization URL. If `opened` is false, the user must open it.
 *
 * @example
 * import type { OpenedEvent } from 'rx-oauth-callback/login';
 *
 * const hint = ({ opened }: OpenedEvent) => (opened ? 'Continue in your browser.' : 'Open the URL yourself.');
 */
export class OpenedEvent extends PrintedEvent {
  readonly type = 'opened';

  constructor(
    at: number,
    readonly flowId: string,
    readonly opened: boolean,
  ) {
    super(at);
  }
}

/**
 * The sign-in waits for the user until `expiresAt`, in milliseconds since the epoch.
 *
 * @example
 * import type { WaitingEvent } from 'rx-oauth-callback/login';
 *
 * const left = ({ at, expiresAt }: WaitingEvent) => `${Math.ceil((expiresAt - at) / 60_000)} minutes left`;
 */
export class WaitingEvent extends PrintedEvent {
  readonly type = 'waiting';
  readonly flowId: string | undefined;
  readonly #flow: Pick<Flow, 'id' | 'confirm'> | undefined;

  constructor(
    at: number,
    flow: Pick<Flow, 'id' | 'confirm'> | undefined,
    readonly expiresAt: number,
  ) {
    super(at);
    this.flowId = flow?.id;
    this.#flow = flow;
  }

  /**
   * Passes on the code that the page shows, with `binding: 'code'`. Rejects with `WrongCodeError` if it is another one, as
   * `flow.confirm` does.
   */
  async confirm(code: string): Promise<void> {
    if (!this.#flow) throw confirmError();
    await this.#flow.confirm(code);
  }
}

/** Answer of a server to a device authorization request. */
interface DeviceAnswer {
  readonly userCode: string;
  readonly verificationUri: string;
  readonly verificationUriComplete: string | undefined;
  readonly expiresAt: number;
}

/**
 * The user may also sign in on another device: open `verificationUri` there and enter `userCode`. This is the only way if
 * there was no event `authorize`.
 *
 * @see RFC 8628 section 3.3
 *
 * @example
 * import type { DeviceEvent } from 'rx-oauth-callback/login';
 *
 * const show = ({ verificationUri, userCode }: DeviceEvent) => console.log(`Open ${verificationUri} and enter ${userCode}`);
 */
export class DeviceEvent extends PrintedEvent {
  readonly type = 'device';
  readonly verificationUri: string;
  /** Time at which the code expires, in milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly #userCode: string;
  readonly #complete: string | undefined;

  constructor(
    at: number,
    readonly flowId: string | undefined,
    { userCode, verificationUri, verificationUriComplete, expiresAt }: DeviceAnswer,
  ) {
    super(at);
    this.verificationUri = verificationUri;
    this.expiresAt = expiresAt;
    this.#userCode = userCode;
    this.#complete = verificationUriComplete;
  }

  /** Code that the user enters. Who enters it signs this program in. */
  get userCode(): string {
    return this.#userCode;
  }

  /** The URI with the code in it, for a QR code; undefined if the server has none. */
  get verificationUriComplete(): string | undefined {
    return this.#complete;
  }
}

/**
 * A redirect with the state of this sign-in was not accepted, for example because its `iss` is not the issuer. The sign-in goes
 * on waiting. Further redirects with the same disposition and reason are not reported.
 *
 * It is reported if the `events` of the host have it: those of a server do, those of a remote service for a monitor only.
 *
 * @example
 * import type { RejectedEvent } from 'rx-oauth-callback/login';
 *
 * const warn = ({ disposition, reason }: RejectedEvent) => console.error(`The redirect was rejected: ${reason ?? disposition}`);
 */
export class RejectedEvent extends PrintedEvent {
  readonly type = 'rejected';

  constructor(
    at: number,
    readonly flowId: string,
    readonly disposition: Disposition,
    /** Set if the disposition is `malformed` or `refused`. */
    readonly reason: RefusalReason | undefined,
  ) {
    super(at);
  }
}

/**
 * The redirect has arrived, with a code.
 *
 * @example
 * import type { ReceivedEvent } from 'rx-oauth-callback/login';
 *
 * const log = ({ flowId }: ReceivedEvent) => console.log(`Sign-in ${flowId}: exchanging the code`);
 */
export class ReceivedEvent extends PrintedEvent {
  readonly type = 'received';

  constructor(
    at: number,
    readonly flowId: string,
  ) {
    super(at);
  }
}

/**
 * The tokens were received, and the page shows success.
 *
 * @example
 * import type { ExchangedEvent } from 'rx-oauth-callback/login';
 *
 * const accessTokenOf = ({ tokens }: ExchangedEvent) => tokens.access_token;
 */
export class ExchangedEvent extends PrintedEvent {
  readonly type = 'exchanged';

  constructor(
    at: number,
    readonly flowId: string | undefined,
    readonly tokens: Tokens,
  ) {
    super(at);
  }
}

/**
 * The sign-in failed: it was denied, has expired, or a request was rejected or not answered.
 *
 * @example
 * import type { FailedEvent } from 'rx-oauth-callback/login';
 *
 * const log = ({ error }: FailedEvent) => console.error(`${error.code}: ${error.message}`);
 */
export class FailedEvent extends PrintedEvent {
  readonly type = 'failed';

  constructor(
    at: number,
    readonly error: SignInError,
  ) {
    super(at);
  }

  override toJSON(): object {
    const { name, code, message } = this.error;
    return { ...super.toJSON(), error: { name, code, message } };
  }
}
