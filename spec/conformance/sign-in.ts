/** A sign-in under test: redirects that must not reach it, and at last the one that must. */
import { inspect } from 'node:util';
import type { BeginOptions, CallbackResponse, Flow, OAuthCallbackServer } from '../../src/index.ts';
import * as assert from '../helpers/assert.ts';
import { observe, type Endpoint, type Outcome } from '../helpers/endpoint.ts';
import type { HttpAnswer, HttpRequest } from '../helpers/http.ts';

export interface SignIn {
  flow: Flow;
  /** Notifications that its subscriber got, from the beginning. */
  seen: Outcome;
}

export async function signIn(server: OAuthCallbackServer, options?: BeginOptions): Promise<SignIn> {
  const flow = await server.begin(options);
  return { flow, seen: observe(flow) };
}

/** The target of the flow's redirect URI with a response, form-encoded already, in its query. */
export function target(flow: Flow, response: string): string {
  const { pathname, search } = new URL(flow.redirectUri);
  return `${pathname}${search ? `${search}&` : '?'}${response}`;
}

/** `code=…&state=…` of the flow, form-encoded. */
export function response(flow: Flow, code = 'the-code'): string {
  return `code=${encodeURIComponent(code)}&state=${encodeURIComponent(flow.state)}`;
}

/** A form_post, as an authorization server's page submits it. */
export function post(path: string, body: string): HttpRequest {
  return {
    method: 'POST',
    target: path,
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body,
  };
}

/** Sends a redirect that must reach nobody, and sees that the sign-in still waits. */
export async function refuses(
  endpoint: Endpoint,
  { seen }: SignIn,
  request: string | HttpRequest,
  what: string,
  statuses: readonly number[] = [400],
): Promise<HttpAnswer> {
  const before = accepted(endpoint).length;
  const answer = await (typeof request === 'string' ? endpoint.visit(request) : endpoint.send(request));
  assert.ok(statuses.includes(answer.status), `${what}: is answered ${answer.status}`);
  assert.is(accepted(endpoint).length, before, `${what}: is accepted`);
  assert.equal(seen, { responses: [], errors: [], completed: false }, `${what}: reaches the flow`);
  return answer;
}

/** Sends the real redirect, which must reach this sign-in, once. */
export async function delivers(
  endpoint: Endpoint,
  { flow, seen }: SignIn,
  encoded = response(flow),
): Promise<CallbackResponse> {
  const answer = await endpoint.visit(target(flow, encoded));
  assert.is(answer.status, 200, `the real redirect is answered ${answer.status}`);
  assert.is(seen.responses.length, 1, 'the real redirect is not delivered');
  assert.ok(seen.completed);
  const [delivered] = seen.responses;
  assert.is(delivered!.state, flow.state);
  assert.is(delivered!.code, new URLSearchParams(encoded).get('code'));
  return delivered!;
}

/** The accepted redirects so far. */
export function accepted({ redirects }: Endpoint): CallbackResponse[] {
  return redirects.filter(({ disposition }) => disposition === 'accepted').map(({ response }) => response);
}

/** All that is logged or told in events. */
export function told({ log, events }: Endpoint): string {
  return [...log, ...events.map((event) => JSON.stringify(event))].join('\n');
}

/** All that is shown, logged, told in events or printed: what nobody has to ask for. */
export function said(endpoint: Endpoint, ...answers: readonly HttpAnswer[]): string {
  return [
    ...answers.map(({ raw }) => raw),
    told(endpoint),
    ...endpoint.redirects.flatMap((redirect) => [
      inspect(redirect, { depth: Infinity, showHidden: true }),
      JSON.stringify(redirect),
      String(redirect.response),
    ]),
  ].join('\n');
}

/** All that redirects carry which reached nobody. */
export function carried({ redirects }: Endpoint): string {
  const astray = redirects.filter(({ disposition }) => disposition !== 'accepted');
  return JSON.stringify(astray.map(({ response }) => response.toDict()));
}

export const withIss = (query: string, iss: string): string => `${query}&iss=${encodeURIComponent(iss)}`;

/** Nothing that the refused redirects brought is to be found anywhere. */
export function notTold(endpoint: Endpoint, canary: string): void {
  assert.not.match(carried(endpoint) + said(endpoint), canary);
}

/** The flow's own redirect. */
export function real({ flow }: SignIn): string {
  return target(flow, response(flow));
}
