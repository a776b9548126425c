import { InvalidOptionError } from '../base/invalid-option.ts';
import { show } from '../base/validate.ts';

/**
 * Parameters of the authorization request. An array of a parameter that is a list, such as `scope`, is joined with spaces;
 * an array of another one sends its name once for each value (`resource` of RFC 8707).
 */
export type AuthorizationParameters = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Builds the URL of an authorization request from the endpoint, the flow's `own` parameters and `params`.
 *
 * @throws InvalidOptionError if `endpoint` is not an absolute http or https URL without fragment, or if `params`
 * contradict `own`.
 */
export function authorizationUrl(
  endpoint: string | URL,
  params: AuthorizationParameters,
  own: Readonly<Record<string, string>>,
): URL {
  const url = readEndpoint(String(endpoint));
  for (const [name, value] of Object.entries(own)) {
    const given = params[name] ?? url.searchParams.get(name) ?? value;
    if (given !== value)
      throw new InvalidOptionError(name, 'is set by the flow; leave it out of the parameters');
    url.searchParams.set(name, value);
  }
  // The flow would reject its own response if the response mode were set only here.
  const mode = params['response_mode'] ?? url.searchParams.get('response_mode') ?? 'query';
  if (mode !== (own['response_mode'] ?? 'query')) {
    throw new InvalidOptionError(
      'response_mode',
      `must be given to begin({ responseMode }) instead; got ${show(mode)}`,
    );
  }
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || Object.hasOwn(own, name)) continue;
    // Replaces the same parameter in the endpoint's query: none may be sent twice (RFC 6749 section 3.1).
    url.searchParams.delete(name);
    const values = Array.isArray(value) ? (value as readonly string[]) : [String(value)];
    const isList = spaceDelimited.has(name) && values.length > 0;
    for (const each of isList ? [values.join(' ')] : values) url.searchParams.append(name, each);
  }
  return url;
}

// Parameters that are lists in one value. Others that come several times, such as `resource`, are sent as often.
const spaceDelimited: ReadonlySet<string> = new Set([
  'scope',
  'prompt',
  'acr_values',
  'ui_locales',
  'claims_locales',
]);

function readEndpoint(text: string): URL {
  // `new URL` would put the whole input into its error message.
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    const got = url?.protocol ?? 'a text that is no URL';
    throw new InvalidOptionError('endpoint', `must be an absolute http or https URL; got ${got}`);
  }
  if (url.hash) throw new InvalidOptionError('endpoint', 'must not have a fragment (RFC 6749 section 3.1)');
  return url;
}
