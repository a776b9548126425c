import {
  CallbackResponse,
  fieldNames,
  type CallbackFields,
  type ResponseFields,
} from '../model/callback-response.ts';
import { detach } from '../base/detach.ts';
import { decodeWithReplacement, OtherParameters, type ParameterLimits } from './other-parameters.ts';
import { plainText } from '../base/printable.ts';
import type { RefusalReason } from '../model/redirect.ts';

/** Parameters of one redirect. With a `reason` they are not a valid authorization response. */
export interface ReadResponse {
  fields: ResponseFields;
  reason?: RefusalReason;
}

// Parameters that make a response invalid: JARM, and tokens in the front channel.
const refusedNames = ['response', 'id_token', 'access_token'] as const;

// Parameters that only inform. However they are written, they make no response invalid.
const informing = ['error_description', 'error_uri'] as const;

type Name = keyof CallbackFields | (typeof refusedNames)[number];

// A set, because an object would find names such as `__proto__` on its prototype.
const names: ReadonlySet<string | undefined> = new Set([...fieldNames, ...refusedNames]);

// Visible characters without `%` and `+`: text that needs no decoding.
const plain = /^[!-$&-*,-~]*$/;
// VSCHAR of RFC 6749 appendix A.5 and A.11. An empty value passes, because it counts as absent.
const visible = /^[\x20-\x7e]*$/;
// Characters that RFC 6749 appendix A.7 excludes from an error.
const outsideErrorText = /[^\x20-\x21\x23-\x5b\x5d-\x7e]+/g;
// Characters of a URI by RFC 3986 section 2.
const uri = /^[\w\-.~:/?#[\]@!$&'()*+,;=%]+$/;

/**
 * Reads the parameters of an authorization response from its form-encoded text. Never throws.
 *
 * @param limits A longer parameter of an authorization response makes it invalid; another one is dropped.
 * @see RFC 6749 section 3.1, section 4.1.2 and appendix B
 */
export function readResponse(encoded: string, limits: ParameterLimits): ReadResponse {
  const { parameter: longest } = limits;
  let others: OtherParameters | undefined;
  const isPlain = plain.test(encoded);
  const decode = isPlain ? (text: string) => text : formDecode;
  const given: Partial<Record<Name, string>> = {};
  let reason: RefusalReason | undefined;
  for (const pair of encoded.split('&')) {
    const equals = pair.indexOf('=');
    // Without an equals sign the whole pair is a name.
    const encodedName = equals < 0 ? pair : pair.slice(0, equals);
    const text = equals < 0 ? '' : pair.slice(equals + 1);
    const name = decode(encodedName);
    if (!isName(name)) {
      if (pair !== '') (others ??= new OtherParameters(limits)).add(encodedName, text);
      continue;
    }
    if (isInforming(name)) {
      given[name] ??= decodeWithReplacement(text);
      continue;
    }
    const value = decode(text);
    if (given[name] !== undefined) reason = 'repeated_parameter';
    else if (value === undefined) reason ??= 'invalid_encoding';
    else if (value.length > longest) reason ??= 'too_long';
    // An empty value is kept until the end, so that a repetition is noticed even if one value is empty.
    given[name] = value ?? '';
  }
  const { code, state, error, error_description, error_uri, iss } = given;
  if (given.access_token || given.id_token) reason ??= 'front_channel_token';
  if (given.response) reason ??= 'jarm_not_supported';
  if (!isPlain && !visible.test((code ?? '') + (state ?? ''))) reason ??= 'invalid_character';
  if (iss && !uri.test(iss)) reason ??= 'invalid_character';
  if (!code && !error) reason ??= 'missing_code';
  if (!state) reason ??= 'missing_state';
  const fields: ResponseFields = others?.fields ?? {};
  // A response has either a code or an error; with an error the code is dropped. Empty values are left out.
  if (code && !error) fields.code = code;
  if (state && (!reason || visible.test(state))) fields.state = state;
  if (iss) fields.iss = detach(iss);
  if (error) {
    fields.error = detach(error.replace(outsideErrorText, '?'));
    const description = shortened(plainText(error_description ?? ''), longest);
    if (description) fields.error_description = detach(description);
    if (error_uri && error_uri.length <= longest && uri.test(error_uri)) fields.error_uri = detach(error_uri);
  }
  return reason ? { fields, reason } : { fields };
}

/** Reduces a response that reached no flow to the fields that may be published: `state` and `error`. */
export function outline({ state, error }: CallbackFields): CallbackResponse {
  return new CallbackResponse({ ...(state && { state: detach(state) }), ...(error && { error }) });
}

/** Tells if form-encoded text names a parameter of an authorization response. */
export function hasResponseParameter(encoded: string): boolean {
  return namesIn(encoded).some(isName);
}

/** Tells if form-encoded text names a parameter that decides about an authorization response. */
export function hasDecidingParameter(encoded: string): boolean {
  return namesIn(encoded).some((name) => isName(name) && !isInforming(name));
}

function namesIn(encoded: string): (string | undefined)[] {
  return encoded.split('&').map((pair) => formDecode(pair.split('=', 1)[0] ?? ''));
}

/** Tells if each name in `fixed` has exactly the same values in `encoded`. Both are form-encoded. */
export function retains(encoded: string, fixed: string): boolean {
  const given = new URLSearchParams(encoded);
  const kept = new URLSearchParams(fixed);
  const values = (of: URLSearchParams, name: string): string => JSON.stringify(of.getAll(name));
  return [...kept.keys()].every((name) => values(given, name) === values(kept, name));
}

function isName(name: string | undefined): name is Name {
  return names.has(name);
}

function isInforming(name: Name): name is (typeof informing)[number] {
  return (informing as readonly string[]).includes(name);
}

/** Cuts a text, but no character in two. */
function shortened(text: string, longest: number): string {
  return text.length > longest ? text.slice(0, longest).replace(/[\ud800-\udbff]$/, '') : text;
}

/** Decodes a name or value once. Returns undefined if its bytes are not UTF-8. */
export function formDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
