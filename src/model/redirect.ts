import type { CallbackResponse } from './callback-response.ts';

/** Result of a redirect. Only an `accepted` redirect ends a flow; any other one changes no flow. */
export type Disposition =
  /** The redirect matched a pending flow and ended it. */
  | 'accepted'
  /** No flow has this state. */
  | 'unmatched'
  /** The state was used before: a reload, a second tab, a replay. */
  | 'duplicate'
  /** The flow of this state expired or was cancelled. */
  | 'late'
  /** The redirect waits until the program begins a flow with its state (`unmatched: { holdFor, max }`). */
  | 'held'
  /** The path or the query differs from the flow's redirect URI. */
  | 'wrong_redirect_uri'
  /** The flow expects `form_post` and the response came by `query`, or vice versa. */
  | 'wrong_response_mode'
  /** `iss` is not the flow's issuer, or is missing although it is required. */
  | 'wrong_issuer'
  /** The flow is bound to the browser that has opened its start URL, and the redirect came from another one. */
  | 'wrong_browser'
  /** The redirect matched a flow that waits until the user has typed the page's code into the program. */
  | 'unconfirmed'
  /** The request is not a valid authorization response; `reason` tells why. */
  | 'malformed'
  /** The request is not a navigation by a user's browser; `reason` tells why. */
  | 'refused';

/** Reason for the disposition `malformed` or `refused`. */
export type RefusalReason =
  | 'repeated_parameter'
  | 'split_parameters'
  | 'invalid_encoding'
  | 'invalid_character'
  | 'too_long'
  | 'missing_code'
  | 'missing_state'
  | 'not_a_form'
  | 'too_large'
  | 'too_many_headers'
  | 'front_channel_token'
  | 'jarm_not_supported'
  | 'wrong_host'
  | 'foreign_origin'
  | 'not_navigation'
  | 'prefetch';

/**
 * A request that reached the callback path, with its disposition.
 *
 * If it is accepted, it has the whole response. Otherwise the response has at most `state` and `error`: the program must
 * not use a code that none of its flows has requested.
 *
 * @example
 * import { createOAuthCallbackServer, type Redirect } from 'rx-oauth-callback';
 *
 * const log = ({ disposition, reason }: Redirect) => console.log(disposition, reason ?? '');
 * const server = createOAuthCallbackServer();
 * server.redirects.subscribe(log);
 * await server.listen();
 */
export class Redirect {
  constructor(
    readonly disposition: Disposition,
    readonly response: CallbackResponse,
    /** Time of arrival, in milliseconds since the epoch. */
    readonly at: number,
    /** Id of the flow that the state belongs to, as in `server.events`. */
    readonly flowId?: string,
    /** Set if the disposition is `malformed` or `refused`. */
    readonly reason?: RefusalReason,
  ) {}

  /** Tells if another redirect has the same disposition, reason, time, flow and response. */
  equals(other: Redirect): boolean {
    return (
      this.disposition === other.disposition &&
      this.at === other.at &&
      this.flowId === other.flowId &&
      this.reason === other.reason &&
      this.response.equals(other.response)
    );
  }

  toString(): string {
    return `Redirect ${JSON.stringify(this)}`;
  }
}

/** Path and response mode of the request that a response came with. */
export interface Arrival {
  /** Path as sent, without query. */
  path: string;
  mode: ResponseMode;
  /** Digest of the cookie that the browser has for the flow of this state, if it has one. */
  browser?: string | undefined;
  /** True if a person has pasted the response into the program that began the flow. */
  pasted?: true | undefined;
}

/**
 * Mode in which an authorization server sends its response: in the query of the URL or as a form.
 *
 * @see OAuth 2.0 Multiple Response Type Encoding Practices; OAuth 2.0 Form Post Response Mode
 */
export type ResponseMode = 'query' | 'form_post';
