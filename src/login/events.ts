import { inspect, type Inspect } from '../callback-response.ts';
import type { SignInError } from './errors.ts';
import type { Tokens } from './tokens.ts';

/**
 * What happens in a sign-in, in this order. The last one is `exchanged` or `failed`.
 *
 * `at` is milliseconds since the epoch, `flow` the id of the flow as in the events of its host. Printing one shows neither
 * a token nor the whole state.
 */
export type SignInEvent =
  /** The authorization server's metadata is there, and is the issuer's. */
  | { type: 'discovered'; at: number; issuer: string }
  /** The authorization server has made a client id for us (RFC 7591). Kept, it spares the next sign-in a registration. */
  | RegisteredEvent
  /** The person is to open the URL. Its redirect can be received from now on. */
  | AuthorizeEvent
  /** For the person to come back, until `expiresAt`: milliseconds since the epoch. */
  | { type: 'waiting'; at: number; flow: string; expiresAt: number }
  /** The person came back with a code. */
  | { type: 'received'; at: number; flow: string }
  /** The tokens are there, and the page says so. */
  | { type: 'exchanged'; at: number; flow: string; tokens: Tokens }
  /** There will be no tokens: denied, expired, refused, unreachable. */
  | { type: 'failed'; at: number; error: SignInError };

/** The client that the authorization server has made. */
export class RegisteredEvent {
  readonly type = 'registered';
  readonly #clientSecret: string | undefined;

  constructor(
    readonly at: number,
    readonly flow: string,
    readonly clientId: string,
    clientSecret: string | undefined,
  ) {
    this.#clientSecret = clientSecret;
  }

  /** A public client has none, which is what was asked for. Not shown by printing. */
  get clientSecret(): string | undefined {
    return this.#clientSecret;
  }
}

/** Where the person is to go. */
export class AuthorizeEvent {
  readonly type = 'authorize';
  readonly #url: string;

  constructor(
    readonly at: number,
    readonly flow: string,
    url: URL,
  ) {
    this.#url = url.href;
  }

  /** With the flow's state and challenge in it. */
  get url(): URL {
    return new URL(this.#url);
  }

  toJSON(): object {
    const { type, at, flow } = this;
    const { origin, pathname } = this.url;
    return { type, at, flow, endpoint: origin + pathname };
  }

  [inspect](_depth: number, options: object, print: Inspect): string {
    return `AuthorizeEvent ${print(this.toJSON(), options)}`;
  }
}
