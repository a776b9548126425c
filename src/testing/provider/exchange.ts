import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

/** Endpoint of a fake provider, or `other` for a path that it does not have. */
export type FakeEndpoint =
  | 'authorization'
  | 'consent'
  | 'device_authorization'
  | 'device_verification'
  | 'jwks'
  | 'metadata'
  | 'other'
  | 'pushed_authorization_request'
  | 'registration'
  | 'revocation'
  | 'token'
  | 'userinfo';

/** Request that a fake provider has received. */
export interface FakeProviderRequest {
  readonly endpoint: FakeEndpoint;
  /** HTTP method in capitals. */
  readonly method: string;
  /** Path without query. */
  readonly path: string;
  /** Headers by name in lower case. */
  readonly headers: Readonly<IncomingHttpHeaders>;
  /** Parameters by name, of the form of a POST request and of the query of any other. Of a repeated one, the last value. */
  readonly parameters: Readonly<Record<string, string | undefined>>;
  /** Whole body as text; empty without one. */
  readonly body: string;
}

/** Answer to a request, before it is written. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Rejects a request with an OAuth error in JSON. */
export class ProviderError extends Error {
  constructor(
    readonly error: string,
    readonly description: string,
    readonly status = 400,
  ) {
    super(`${error}: ${description}`);
  }
}

/** A request, and what is wrong with its form. */
export interface Received {
  readonly request: FakeProviderRequest;
  readonly problem: ProviderError | undefined;
}

// Endpoints whose parameters RFC 6749 section 3 rules.
const strict: readonly FakeEndpoint[] = [
  'authorization',
  'device_authorization',
  'pushed_authorization_request',
  'revocation',
  'token',
];
// RFC 8707 section 2.
const repeatable = 'resource';

export async function readRequest(
  incoming: IncomingMessage,
  endpointOf: (path: string) => FakeEndpoint,
): Promise<Received> {
  const { method = '', url = '/', headers } = incoming;
  const { pathname, searchParams } = new URL(url, 'http://127.0.0.1');
  const body = await text(incoming);
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(headers['content-type'] ?? '');
  const form = new URLSearchParams(isForm ? body : '');
  const given = [...(method === 'POST' ? form : searchParams)];
  const parameters = Object.assign(Object.create(null) as object, Object.fromEntries(given));
  const endpoint = endpointOf(pathname);
  const request = { endpoint, method, path: pathname, headers, parameters, body };
  const isWrong = method === 'POST' && searchParams.size > 0;
  const problem = isWrong
    ? new ProviderError('invalid_request', 'the parameters must be in the body')
    : repeated(given);
  return { request, problem: strict.includes(endpoint) ? problem : undefined };
}

/** Finds a parameter that comes twice. @see RFC 6749 sections 3.1 and 3.2 */
function repeated(given: readonly (readonly [name: string, value: string])[]): ProviderError | undefined {
  const names = given.map(([name]) => name).filter((name) => name !== repeatable);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  return twice === undefined ? undefined : new ProviderError('invalid_request', `${twice} must come once`);
}

export function json(status: number, body: unknown): Reply {
  return {
    status,
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' },
    body: JSON.stringify(body),
  };
}

export function problem({ error, description, status }: ProviderError): Reply {
  const reply = json(status, { error, error_description: description });
  return status === 401 ? { ...reply, headers: { ...reply.headers, 'WWW-Authenticate': 'Basic' } } : reply;
}

export function redirectTo(url: string): Reply {
  return { status: 302, headers: { Location: url, 'Cache-Control': 'no-store' } };
}

export function write(response: ServerResponse, { status, headers, body }: Reply): void {
  response.writeHead(status, headers);
  response.end(body);
}
