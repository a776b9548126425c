import {
  concat,
  connect,
  defer,
  finalize,
  from,
  map,
  merge,
  of,
  switchMap,
  takeUntil,
  takeWhile,
  tap,
  type Observable,
} from 'rxjs';
import { abortable } from '../base/abortable.ts';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { randomToken } from '../base/random.ts';
import { orThrow } from '../flows/operators.ts';
import { authorizationUrl, type AuthorizationParameters } from '../model/authorization-url.ts';
import type { CallbackResponse } from '../model/callback-response.ts';
import type { Flow } from '../model/flow.ts';
import { codeChallenge } from '../model/pkce.ts';
import type { ResponseMode } from '../model/redirect.ts';
import type { Client, ClientSource } from './client.ts';
import { offerDevice, signInByDevice } from './device.ts';
import {
  AuthorizeEvent,
  ExchangedEvent,
  ReceivedEvent,
  RegisteredEvent,
  WaitingEvent,
  type SignInEvent,
} from './events.ts';
import { exchange, type Exchange } from './exchange.ts';
import type { ReadSignInOptions } from './options.ts';
import type { Plan } from './plan.ts';
import { push } from './pushing.ts';
import type { ServerMetadata } from './server-metadata.ts';

/** Parts of an authorization. */
export interface Authorization {
  readonly options: ReadSignInOptions;
  readonly metadata: ServerMetadata;
  readonly plan: Plan;
  readonly flow: Flow;
  readonly clientOf: ClientSource;
}

/** Exchange of a response, and where its page leads. */
interface Redemption extends Exchange {
  readonly successUrl: string | undefined;
}

/** Asks the user by a browser. Emits the events from the registration of a client to the tokens. */
export function authorize(authorization: Authorization): Observable<SignInEvent> {
  const { options, metadata, flow, clientOf } = authorization;
  return abortable((signal) => clientOf(options, metadata, flow.redirectUri, signal)).pipe(
    switchMap((client) => concat(registrationOf(client, flow), ask(authorization, client))),
  );
}

/** Asks the user by the device grant alone. Emits the events from the registration of a client to the tokens. */
export function authorizeDevice(
  options: ReadSignInOptions,
  metadata: ServerMetadata,
  clientOf: ClientSource,
): Observable<SignInEvent> {
  return abortable((signal) => clientOf(options, metadata, undefined, signal)).pipe(
    switchMap((client) => concat(registrationOf(client), signInByDevice(options, client))),
  );
}

function registrationOf({ id, secret, registration }: Client, flow?: Flow): SignInEvent[] {
  return registration ? [new RegisteredEvent(Date.now(), flow?.id, id, secret)] : [];
}

function ask(authorization: Authorization, client: Client): Observable<SignInEvent> {
  const { options, plan, flow } = authorization;
  const { issuer, scope, successUrl } = options;
  const nonce = scope?.split(' ').includes('openid') ? randomToken() : undefined;
  const resource = [options.resource ?? []].flat();
  return urlOf(authorization, client, requestOf(options, client, nonce, resource)).pipe(
    switchMap((url) =>
      concat(
        from<SignInEvent[]>([
          new AuthorizeEvent(Date.now(), flow, { url, startUrl: flow.startUrl(url) }, plan.responseMode),
          new WaitingEvent(Date.now(), flow, flow.expiresAt),
        ]),
        raced(
          authorization,
          client,
          flow.response.pipe(
            orThrow(),
            switchMap((response) =>
              redeem({ issuer, client, flow, nonce, scope, resource, successUrl }, response),
            ),
          ),
        ),
      ),
    ),
  );
}

/** Takes the first of the redirect, which may be pasted, and the device grant. The other one is cancelled. */
function raced(
  { options, plan, flow }: Authorization,
  client: Client,
  redirected: Observable<SignInEvent>,
): Observable<SignInEvent> {
  const { device } = plan;
  if (!device) return redirected;
  return redirected.pipe(
    connect((events) =>
      merge(events, offerDevice(options, client, flow, device.isAsked).pipe(takeUntil(events))),
    ),
    takeWhile(({ type }) => type !== 'exchanged', true),
  );
}

/** Emits the URL for the browser, once the server has the request if that is pushed. */
function urlOf(
  { options, metadata, plan, flow }: Authorization,
  client: Client,
  request: AuthorizationParameters,
): Observable<URL> {
  const { authorization_endpoint: endpoint = '' } = metadata;
  return defer(() => {
    const url = requestUrl(flow, endpoint, request, plan.responseMode);
    if (!plan.pushes && !client.pushes) return of(url);
    return abortable((signal) => push(options.issuer, client, ownParameters(url, endpoint), signal));
  });
}

/** Builds the URL of the authorization request, which the start URL of a bound flow leads to. */
function requestUrl(
  { redirectUri, state, codeVerifier }: Flow,
  endpoint: string,
  request: AuthorizationParameters,
  responseMode: ResponseMode,
): URL {
  return authorizationUrl(endpoint, request, {
    response_type: 'code',
    redirect_uri: redirectUri,
    state,
    code_challenge: codeChallenge(codeVerifier),
    code_challenge_method: 'S256',
    ...(responseMode !== 'query' && { response_mode: responseMode }),
  });
}

/** Returns the parameters that the endpoint's URL does not have already. */
function ownParameters({ searchParams }: URL, endpoint: string): URLSearchParams {
  const has = new URL(endpoint).searchParams;
  return new URLSearchParams([...searchParams].filter(([name, value]) => !has.getAll(name).includes(value)));
}

function requestOf(
  { scope, parameters = {} }: ReadSignInOptions,
  client: Client,
  nonce: string | undefined,
  resource: readonly string[],
): AuthorizationParameters {
  // OpenID Connect Core section 11 requires consent for `offline_access`.
  const prompt = nonce !== undefined && scope?.split(' ').includes('offline_access') ? 'consent' : undefined;
  return {
    prompt,
    ...parameters,
    client_id: client.id,
    scope,
    nonce,
    resource: resource.length > 0 ? resource : undefined,
    // Binds the code as well (RFC 9449 section 10).
    dpop_jkt: client.dpop?.thumbprint,
  };
}

/** Settles a flow whose tokens are there. A host that does not allow the URL shows its own page. */
function succeed(flow: Flow, successUrl: string | undefined): void {
  try {
    if (successUrl !== undefined) flow.settle({ status: 'redirect', url: successUrl });
  } catch (error) {
    if (!(error instanceof InvalidOptionError)) throw error;
  }
  // Only the first outcome counts.
  flow.settle({ status: 'success' });
}

function redeem(asked: Redemption, response: CallbackResponse): Observable<SignInEvent> {
  const { flow, successUrl } = asked;
  return concat(
    of<SignInEvent>(new ReceivedEvent(Date.now(), flow.id)),
    abortable((signal) => exchange(asked, response, signal)).pipe(
      tap({
        next: () => succeed(flow, successUrl),
        error: (error: unknown) => flow.settle({ status: 'failure', message: (error as Error).message }),
      }),
      map((tokens) => new ExchangedEvent(Date.now(), flow.id, tokens)),
    ),
  ).pipe(
    // Only the first outcome counts; if there is none, the caller has unsubscribed.
    finalize(() => flow.settle({ status: 'failure', message: 'The sign-in was cancelled.' })),
  );
}
