import { plainText } from '../base/printable.ts';
import { isLoopback, isSecure } from '../base/loopback.ts';
import { CallbackResponse, fieldNames, type ResponseFields } from '../model/callback-response.ts';
import { ConnectionError } from '../model/errors.ts';
import { closeCodes } from '../wire/protocol.ts';
import { issuerFits, type IssuerExpectation } from '../model/expectation.ts';

/** What the client asks of a response before it believes the service. */
export interface Claim {
  readonly state: string;
  readonly issuer: IssuerExpectation | undefined;
}

const known: ReadonlySet<string> = new Set(fieldNames);
const visible = /^[\x20-\x7e]*$/;
const withoutSpace = /^[\x21-\x7e]+$/;
const outsideErrorText = /[^\x20-\x21\x23-\x5b\x5d-\x7e]+/g;
const longestText = 500;

/**
 * Reads the response of a flow from what the service says it is, by the rules by which a service reads it from a redirect.
 *
 * @throws TypeError if it is not the response of this flow; its text has no value of the response.
 */
export function responseFor({ state, issuer }: Claim, given: ResponseFields): CallbackResponse {
  const { code, error, error_description, error_uri, iss, parameters = [], droppedParameters } = given;
  const wrong = (what: string): TypeError => new TypeError(`the service sent a response with ${what}`);
  if (given.state !== state) throw wrong('another state than that of its flow');
  if (issuer && !issuerFits(issuer, iss)) throw wrong('another issuer than that of its flow');
  if (!code && !error) throw wrong('neither a code nor an error');
  if (!visible.test(code ?? '') || (iss !== undefined && !withoutSpace.test(iss)))
    throw wrong('characters that it must not have');
  const others = parameters.filter(([name]) => !known.has(name));
  const fields: ResponseFields = {
    state,
    ...(iss !== undefined && { iss }),
    ...(others.length > 0 && { parameters: others }),
    ...(droppedParameters !== undefined && { droppedParameters }),
  };
  if (!error) return new CallbackResponse({ ...fields, ...(code !== undefined && { code }) });
  const description = plainText(error_description ?? '');
  return new CallbackResponse({
    ...fields,
    error: error.replace(outsideErrorText, '?'),
    ...(description && { error_description: description }),
    ...(error_uri !== undefined && withoutSpace.test(error_uri) && { error_uri }),
  });
}

/** Returns a text of the service that people may see. */
export function shortText(text: string): string {
  return plainText(text.slice(0, longestText));
}

/**
 * Tells if a program may use a redirect URI of the service: https, or on loopback if the bridge is.
 *
 * @param bridgeUrl URL that the program has given.
 */
export function isRedirectUri(bridgeUrl: string, given: string): boolean {
  const url = withoutSpace.test(given) && URL.canParse(given) ? new URL(given) : undefined;
  if (!url || !isSecure(url) || url.username || url.password || url.hash) return false;
  return url.protocol === 'https:' || isLoopback(new URL(bridgeUrl).hostname);
}

/** Returns the error for a redirect URI that is not one. Does not show it: its text may be meant for the user. */
export function redirectUriError(bridgeUrl: string): ConnectionError {
  const { origin } = new URL(bridgeUrl);
  return new ConnectionError(
    `${origin} gave a redirect URI that must be https, or http on loopback if the bridge is on loopback`,
    closeCodes.policy,
    undefined,
  );
}
