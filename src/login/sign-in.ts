import {
  catchError,
  concat,
  defer,
  finalize,
  from,
  of,
  switchMap,
  tap,
  throwError,
  type Observable,
} from 'rxjs';
import { abortable } from '../abortable.ts';
import type { AuthorizationParameters } from '../authorization-url.ts';
import type { CallbackResponse } from '../callback-response.ts';
import type { BeginOptions, Flow } from '../flow.ts';
import { orThrow } from '../operators.ts';
import { randomToken } from '../pkce.ts';
import { createOAuthCallbackServer, type CallbackHost } from '../server.ts';
import { withFlow } from '../with-flow.ts';
import { clientOf, type Client } from './client.ts';
import { isSignInError } from './errors.ts';
import { AuthorizeEvent, RegisteredEvent, type SignInEvent } from './events.ts';
import { exchange, type Exchange } from './exchange.ts';
import { Flights } from './flights.ts';
import { discover, type ServerMetadata } from './metadata.ts';
import { requireSignInOptions, type SignInOptions } from './options.ts';
import type { Tokens } from './tokens.ts';

// How long a page of an own server waits for the token request, which gives up sooner.
const settle = 60_000;

const isLast = ({ type }: SignInEvent): boolean => type === 'exchanged' || type === 'failed';

/** The sign-ins under way, by the host that their redirects come to. */
const flights = new WeakMap<object, Flights<SignInEvent>>();
const ownServers = {};

/**
 * A whole sign-in as a cold Observable: subscribing starts it, unsubscribing cancels it and frees what it holds. It discovers
 * the authorization server, registers where there is no client id, asks the person, and exchanges the code.
 *
 * However it ends is a value, `exchanged` or `failed`, after which it completes. `tokens()` makes the latter an error.
 *
 * Throws `InvalidOptionError` for an option that is missing, out of range or contradicts another.
 */
export function signIn(options: SignInOptions): Observable<SignInEvent> {
  requireSignInOptions(options);
  const { host = ownServers, singleFlight = true } = options;
  if (!singleFlight) return attempt(options);
  let ofHost = flights.get(host);
  if (!ofHost) flights.set(host, (ofHost = new Flights(isLast)));
  const { issuer, clientId, scope, resource, parameters } = options;
  return ofHost.join(JSON.stringify([issuer, clientId, scope, resource, parameters]), attempt(options));
}

function attempt(options: SignInOptions): Observable<SignInEvent> {
  return abortable((signal) => discover(options, signal)).pipe(
    switchMap((metadata) =>
      concat(
        of<SignInEvent>({ type: 'discovered', at: Date.now(), issuer: metadata.issuer }),
        withHost(options, (host) =>
          withFlow(host, (flow) => authorize(options, metadata, flow), beginOptions(options, metadata)),
        ),
      ),
    ),
    catchError((error: unknown) =>
      // Whatever else is a defect, and nothing to show to a person.
      isSignInError(error)
        ? of<SignInEvent>({ type: 'failed', at: Date.now(), error })
        : throwError(() => error),
    ),
  );
}

/** Opens the port when there is a flow for it, and closes it, once the last page has been sent, whatever happens. */
function withHost<T>(
  { host, server }: SignInOptions,
  project: (host: CallbackHost) => Observable<T>,
): Observable<T> {
  if (host) return defer(() => project(host));
  return defer(() => {
    const own = createOAuthCallbackServer({ settle, ...server });
    return abortable(() => own.listen()).pipe(
      switchMap(() => project(own)),
      finalize(() => void own.close()),
    );
  });
}

function beginOptions(
  { timeout, context, responseMode, requireIssuer }: SignInOptions,
  metadata: ServerMetadata,
): Omit<BeginOptions, 'key'> {
  return {
    issuer: metadata.issuer,
    issuerAdvertised: metadata.authorization_response_iss_parameter_supported === true,
    ...(timeout !== undefined && { ttl: timeout }),
    ...(context !== undefined && { context }),
    ...(responseMode !== undefined && { responseMode }),
    ...(requireIssuer !== undefined && { requireIssuer }),
  };
}

function authorize(options: SignInOptions, metadata: ServerMetadata, flow: Flow): Observable<SignInEvent> {
  return abortable((signal) => clientOf(options, metadata, flow.redirectUri, signal)).pipe(
    switchMap((client) => ask(options, metadata, flow, client)),
  );
}

function ask(
  options: SignInOptions,
  { issuer, authorization_endpoint = '' }: ServerMetadata,
  flow: Flow,
  client: Client,
): Observable<SignInEvent> {
  const { scope } = options;
  const nonce = scope?.split(' ').includes('openid') ? randomToken() : undefined;
  const resource = [options.resource ?? []].flat();
  const url = flow.authorizationUrl(authorization_endpoint, requestOf(options, client, nonce, resource));
  const { id, secret, registered } = client;
  const made = registered ? [new RegisteredEvent(Date.now(), flow.id, id, secret)] : [];
  return concat(
    from<SignInEvent[]>([
      ...made,
      new AuthorizeEvent(Date.now(), flow.id, url),
      { type: 'waiting', at: Date.now(), flow: flow.id, expiresAt: flow.expiresAt },
    ]),
    flow.response.pipe(
      orThrow(),
      switchMap((response) => redeem({ issuer, client, flow, nonce, scope, resource }, response)),
    ),
  );
}

function requestOf(
  { scope, parameters = {} }: SignInOptions,
  client: Client,
  nonce: string | undefined,
  resource: readonly string[],
): AuthorizationParameters {
  // OpenID Connect Core section 11.
  const prompt = nonce !== undefined && scope?.split(' ').includes('offline_access') ? 'consent' : undefined;
  return {
    prompt,
    ...parameters,
    client_id: client.id,
    scope,
    nonce,
    resource: resource.length > 0 ? resource : undefined,
  };
}

function redeem(asked: Exchange, response: CallbackResponse): Observable<SignInEvent> {
  const { flow } = asked;
  return concat(
    of<SignInEvent>({ type: 'received', at: Date.now(), flow: flow.id }),
    abortable((signal) => exchange(asked, response, signal)).pipe(
      tap({
        next: () => flow.settle({ status: 'success' }),
        error: (error: unknown) => flow.settle({ status: 'failure', message: (error as Error).message }),
      }),
      switchMap((tokens) => of(exchanged(flow, tokens))),
    ),
  ).pipe(
    // The first outcome counts; without one, the program has let go of the sign-in.
    finalize(() => flow.settle({ status: 'failure', message: 'The sign-in was cancelled.' })),
  );
}

function exchanged(flow: Flow, tokens: Tokens): SignInEvent {
  return { type: 'exchanged', at: Date.now(), flow: flow.id, tokens };
}
