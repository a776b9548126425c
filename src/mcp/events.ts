import { inspect, type Inspect } from '../model/callback-response.ts';
import type { ClientOrigin } from './clients.ts';
import type { McpAuthError, SignInReason } from './errors.ts';

/** How a server stands. Times are in milliseconds since the epoch. */
export type McpStatus =
  /** No request was sent yet, and there are no tokens. */
  | { readonly state: 'unknown' }
  /** The server has answered without a token. */
  | { readonly state: 'open' }
  /** A person must sign in. */
  | { readonly state: 'sign_in_required'; readonly reason: SignInReason; readonly scope?: string }
  /** A sign-in waits until others have ended. `position` is the number of those before it. */
  | { readonly state: 'queued'; readonly position: number }
  /** A sign-in waits for the person. */
  | { readonly state: 'waiting'; readonly flowId: string; readonly expiresAt: number }
  | {
      readonly state: 'signed_in';
      readonly issuer: string;
      readonly scope?: string;
      readonly expiresAt?: number;
      /** True if there is a refresh token. */
      readonly refreshable: boolean;
    }
  /** The last request for tokens failed. */
  | { readonly state: 'failed'; readonly error: McpAuthError };

/** Members of every event. */
export interface EventSubject {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly server: string;
  readonly account: string;
}

/** A step on the way to tokens. Printing an event shows neither a token, nor a code, nor a state. */
export type McpEvent = PlainMcpEvent | McpAuthorizeEvent | McpFailedEvent;

/** Events without anything to hide. */
export type PlainMcpEvent = EventSubject &
  (
    | { readonly type: 'challenged'; readonly status: 401 | 403; readonly scope?: string }
    | { readonly type: 'discovered'; readonly issuer: string; readonly resource?: string }
    | { readonly type: 'client'; readonly issuer: string; readonly how: ClientOrigin }
    | { readonly type: 'queued'; readonly position: number }
    | { readonly type: 'received'; readonly flowId: string }
    | {
        readonly type: 'signed_in';
        readonly issuer: string;
        readonly scope?: string;
        readonly expiresAt?: number;
      }
    | {
        readonly type: 'refreshed';
        readonly issuer: string;
        readonly expiresAt?: number;
        readonly by: 'us' | 'another_process';
      }
    | { readonly type: 'signed_out'; readonly revoked: boolean }
  );

/** An event with a part that must not be printed. */
abstract class PrintedEvent {
  constructor(
    readonly at: number,
    readonly server: string,
    readonly account: string,
  ) {}

  /** Returns the fields for printing. */
  toJSON(): object {
    return Object.fromEntries(Object.entries(this));
  }

  /** @internal */
  [inspect](_depth: number, options: object, print: Inspect): string {
    return print(this.toJSON(), options);
  }
}

/**
 * The person must open `url`, which `open` was called with.
 *
 * @example
 * import type { McpAuthorizeEvent } from 'rx-oauth-callback/mcp';
 *
 * const show = ({ server, url }: McpAuthorizeEvent) => console.log(`Sign in to ${server}: ${url.href}`);
 */
export class McpAuthorizeEvent extends PrintedEvent {
  readonly type = 'authorize';
  readonly #url: string;

  constructor(
    about: EventSubject,
    readonly issuer: string,
    readonly flowId: string,
    readonly expiresAt: number,
    url: URL,
  ) {
    super(about.at, about.server, about.account);
    this.#url = url.href;
  }

  /** The authorization URL, whose query has the state. */
  get url(): URL {
    return new URL(this.#url);
  }
}

/**
 * There are no new tokens, and requests that needed them were rejected with `error`. An error of the store is only reported.
 *
 * @example
 * import type { McpFailedEvent } from 'rx-oauth-callback/mcp';
 *
 * const log = ({ server, error }: McpFailedEvent) => console.error(`${server}: ${error.code}: ${error.message}`);
 */
export class McpFailedEvent extends PrintedEvent {
  readonly type = 'failed';

  constructor(
    about: EventSubject,
    readonly error: McpAuthError,
  ) {
    super(about.at, about.server, about.account);
  }

  override toJSON(): object {
    const { name, code, message } = this.error;
    return { ...super.toJSON(), error: { name, code, message } };
  }
}
