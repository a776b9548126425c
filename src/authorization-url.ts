import { InvalidOptionError } from './errors.ts';

/** Parameters for the authorization endpoint; an array sends its name several times (RFC 8707 `resource`). */
export type AuthorizationParameters = Readonly<Record<string, string | readonly string[] | undefined>>;

/** `endpoint` with the flow's `own` parameters and `params`, which must not contradict them. */
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
  // Asked for here alone, the flow would refuse its own response.
  const mode = params['response_mode'] ?? url.searchParams.get('response_mode') ?? 'query';
  if (mode !== (own['response_mode'] ?? 'query')) {
    throw new InvalidOptionError(
      'response_mode',
      `must be left to begin({ responseMode }), got ${String(mode)}`,
    );
  }
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || Object.hasOwn(own, name)) continue;
    // A parameter that the endpoint's own query has too is sent once (RFC 6749 section 3.1).
    url.searchParams.delete(name);
    for (const each of Array.isArray(value) ? (value as readonly string[]) : [String(value)]) {
      url.searchParams.append(name, each);
    }
  }
  return url;
}

function readEndpoint(text: string): URL {
  // `new URL` would throw with the whole input in its error.
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    const got = url?.protocol ?? 'no URL';
    throw new InvalidOptionError('endpoint', `must be an absolute http or https URL, got ${got}`);
  }
  if (url.hash) throw new InvalidOptionError('endpoint', 'must not have a fragment (RFC 6749 section 3.1)');
  return url;
}
