import { CallbackResponse, fieldNames, type CallbackFields } from './callback-response.ts';

/** What became of a redirect. Only `accepted` reached a flow; every other one changed nothing. */
export type Disposition =
  /** Matched a pending flow and ended it. */
  | 'accepted'
  /** No flow has this state. */
  | 'unmatched'
  /** The state was used before: a reload, a second tab, a replay. */
  | 'duplicate'
  /** The flow of this state expired or was cancelled. */
  | 'late'
  /** Kept for whoever asks for its state next (`unmatched: { holdFor, max }`). */
  | 'held'
  /** Came to a path or with a query other than the flow's redirect URI. */
  | 'wrong_redirect_uri'
  /** Came by `query` where the flow asked for `form_post`, or the other way round. */
  | 'wrong_response_mode'
  /** `iss` is not the issuer the flow was begun for, or is missing where it must not be. */
  | 'wrong_issuer'
  /** Not an authorization response; `reason` says why. */
  | 'malformed'
  /** Not a navigation of a person's browser; `reason` says what it was. */
  | 'refused';

/** Why a redirect is `malformed` or `refused`. */
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
 * One request that reached the callback path as a redirect, with what became of it.
 *
 * An accepted one carries the whole response. Any other carries at most `state` and `error`: nobody asked for the
 * rest, and a code in it is not this program's to use.
 */
export class Redirect {
  constructor(
    readonly disposition: Disposition,
    readonly response: CallbackResponse,
    /** Milliseconds since the epoch. */
    readonly at: number,
    /** The id of the flow it belongs to, as in `server.events`. */
    readonly flow?: string,
    readonly reason?: RefusalReason,
  ) {}
}

/** Where and how a response came in. */
export interface Arrival {
  /** Raw, without query. */
  path: string;
  mode: ResponseMode;
}

/** @see OAuth 2.0 Multiple Response Type Encoding Practices; OAuth 2.0 Form Post Response Mode */
export type ResponseMode = 'query' | 'form_post';

/** The outcome of reading one callback's parameters. With a `reason` they are no authorization response. */
export interface ReadResponse {
  fields: CallbackFields;
  reason?: RefusalReason;
}

// Of responses that are refused.
const refusedNames = ['response', 'id_token', 'access_token'] as const;

// A list and not an object, so that no stranger's name reaches a prototype. Values stand where their names do.
const names: readonly (string | undefined)[] = [...fieldNames, ...refusedNames];

// As most responses are: nothing of it is encoded, so all of its parts are visible and stand for themselves.
const plain = /^[!-$&-*,-~]*$/;
// RFC 6749 appendix A.5, A.11: VSCHAR; what is empty counts as absent.
const visible = /^[\x20-\x7e]*$/;
// RFC 6749 appendix A.7, A.8.
const outsideErrorText = /[^\x20-\x21\x23-\x5b\x5d-\x7e]+/g;
// RFC 3986 section 2.
const uri = /^[\w\-.~:/?#[\]@!$&'()*+,;=%]+$/;

/**
 * Reads the parameters of an authorization response from its form-encoded text. Total: any text has an outcome.
 *
 * @param longest Characters a single decoded value may have.
 * @see RFC 6749 section 3.1, section 4.1.2 and appendix B
 */
export function readResponse(encoded: string, longest: number): ReadResponse {
  const given = new Array<string | undefined>(names.length);
  const isPlain = plain.test(encoded);
  let reason: RefusalReason | undefined;
  for (let start = 0, end = 0; start < encoded.length; start = end + 1) {
    end = encoded.indexOf('&', start);
    if (end < 0) end = encoded.length;
    const equals = encoded.indexOf('=', start);
    const valued = equals >= 0 && equals < end;
    const name = encoded.slice(start, valued ? equals : end);
    const index = names.indexOf(isPlain ? name : formDecode(name));
    if (index < 0) continue;
    const text = valued ? encoded.slice(equals + 1, end) : '';
    const value = isPlain ? text : formDecode(text);
    if (given[index] !== undefined) reason = 'repeated_parameter';
    else if (value === undefined) reason ??= 'invalid_encoding';
    else if (value.length > longest) reason ??= 'too_long';
    // An empty value is kept until the end, so that a parameter given twice is seen even when one is empty.
    given[index] = value ?? '';
  }
  const [code, state, error, error_description, error_uri, iss, response, idToken, accessToken] = given;
  if (accessToken || idToken) reason ??= 'front_channel_token';
  if (response) reason ??= 'jarm_not_supported';
  if (!isPlain && !visible.test((code ?? '') + (state ?? ''))) reason ??= 'invalid_character';
  if (iss && !uri.test(iss)) reason ??= 'invalid_character';
  if (!code && !error) reason ??= 'missing_code';
  if (!state) reason ??= 'missing_state';
  const fields: CallbackFields = {};
  // A response is one of two shapes; with an error, no code is released. What is absent or empty is left out.
  if (code && !error) fields.code = code;
  if (state && (!reason || visible.test(state))) fields.state = state;
  if (iss) fields.iss = detach(iss);
  if (error) {
    fields.error = detach(error.replace(outsideErrorText, '?'));
    if (error_description)
      fields.error_description = detach(error_description.replace(outsideErrorText, '?'));
    if (error_uri && uri.test(error_uri)) fields.error_uri = detach(error_uri);
  }
  return reason ? { fields, reason } : { fields };
}

/** What may be told of a response that reached no flow. */
export function outline({ state, error }: CallbackFields): CallbackResponse {
  return new CallbackResponse({ ...(state && { state: detach(state) }), ...(error && { error }) });
}

/** Whether the text names a parameter of an authorization response. */
export function hasResponseParameter(encoded: string): boolean {
  return encoded.split('&').some((pair) => names.includes(formDecode(pair.split('=', 1)[0] ?? '')));
}

/** Whether each name in `fixed`, form-encoded, has in `encoded` the same values, no more and no less. */
export function retains(encoded: string, fixed: string): boolean {
  const given = new URLSearchParams(encoded);
  const kept = new URLSearchParams(fixed);
  const values = (of: URLSearchParams, name: string): string => JSON.stringify(of.getAll(name));
  return [...kept.keys()].every((name) => values(given, name) === values(kept, name));
}

/** A slice keeps the whole query in memory: whoever remembered no more than a state would keep its code as well. */
export function detach(text: string): string {
  return Buffer.from(text).toString();
}

/** Decodes once, as UTF-8; undefined where the bytes are not that. */
function formDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
