import {
  catchError,
  concat,
  defer,
  distinct,
  filter,
  finalize,
  from,
  map,
  merge,
  of,
  Subject,
  switchMap,
  takeUntil,
  tap,
  throwError,
  type Observable,
} from 'rxjs';
import { abortable } from '../base/abortable.ts';
import type { AuthorizationParameters } from '../model/authorization-url.ts';
import type { CallbackResponse } from '../model/callback-response.ts';
import type { BeginOptions, Flow } from '../model/flow.ts';
import { orThrow } from '../flows/operators.ts';
import { randomToken } from '../base/random.ts';
import { createOAuthCallbackServer } from '../server/create.ts';
import { type CallbackHost } from '../model/callback-host.ts';
import { withFlow } from '../flows/with-flow.ts';
import { clientOf, type Client } from './client.ts';
import { isSignInError } from './errors.ts';
import {
  AuthorizeEvent,
  DiscoveredEvent,
  ExchangedEvent,
  FailedEvent,
  ReceivedEvent,
  RegisteredEvent,
  RejectedEvent,
  WaitingEvent,
  type SignInEvent,
} from './events.ts';
import { exchange, type Exchange } from './exchange.ts';
import { Flights } from './flights.ts';
import { discover } from './metadata.ts';
import { readSignInOptions, type SignInOptions } from './options.ts';
import type { ServerMetadata } from './server-metadata.ts';

// Maximum number of milliseconds that the page waits for the result. Longer than the timeout of the token request.
const settleTimeoutMs = 60_000;

const isLast = ({ type }: SignInEvent): boolean => type === 'exchanged' || type === 'failed';

/** Sign-ins in progress, by the host that receives their redirects. */
const flights = new WeakMap<object, Flights<SignInEvent>>();
const ownServers = {};

/**
 * Signs a user in. Returns a cold Observable: subscribing starts the sign-in, unsubscribing cancels it and frees what it
 * holds. It discovers the authorization server, registers a client if there is no `clientId`, waits for the user, and
 * exchanges the code.
 *
 * Success and failure are both values, `exchanged` or `failed`, after which it completes. `tokens()` turns a failure into an
 * error. Needs the package `openid-client`.
 *
 * @param given `issuer` is required.
 * @throws {InvalidOptionError} if an option is missing, unknown, out of range or contradicts another
 *
 * @example
 * import { signIn, tokens } from 'rx-oauth-callback/login';
 * import { firstValueFrom, tap } from 'rxjs';
 *
 * const signedIn = signIn({ issuer: 'https://as.example', clientId: 'my-cli', scope: 'openid' }).pipe(
 *   tap((event) => {
 *     if (event.type === 'authorize') console.log('Open', event.url.href);
 *   }),
 *   tokens(),
 * );
 * const { access_token } = await firstValueFrom(signedIn);
 * console.log(access_token.length);
 */
export function signIn(given: SignInOptions): Observable<SignInEvent> {
  const options = readSignInOptions(given);
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
        of<SignInEvent>(new DiscoveredEvent(Date.now(), metadata.issuer)),
        withHost(options, (host) =>
          withFlow(
            host,
            (flow) => withRejections(host, flow, authorize(options, metadata, flow)),
            beginOptions(options, metadata),
          ),
        ),
      ),
    ),
    catchError((error: unknown) =>
      // Any other error is a defect, which stays an error.
      isSignInError(error) ? of(new FailedEvent(Date.now(), error)) : throwError(() => error),
    ),
  );
}

/** Opens a port for the sign-in unless there is a host. The port closes when the sign-in is over and its page is sent. */
function withHost<T>(
  { host, server }: SignInOptions,
  project: (host: CallbackHost) => Observable<T>,
): Observable<T> {
  if (host) return defer(() => project(host));
  return defer(() => {
    const own = createOAuthCallbackServer({ settle: settleTimeoutMs, ...server });
    return abortable(() => own.listen()).pipe(
      switchMap(() => project(own)),
      finalize(() => void own.close()),
    );
  });
}

function beginOptions(
  { timeout, context, label, serverUrl, responseMode, requireIssuer }: SignInOptions,
  metadata: ServerMetadata,
): Omit<BeginOptions, 'key'> {
  return {
    issuer: metadata.issuer,
    issuerAdvertised: metadata.authorization_response_iss_parameter_supported === true,
    ...(timeout !== undefined && { ttl: timeout }),
    ...(context !== undefined && { context }),
    ...(label !== undefined && { label }),
    ...(serverUrl !== undefined && { serverUrl }),
    ...(responseMode !== undefined && { responseMode }),
    ...(requireIssuer !== undefined && { requireIssuer }),
  };
}

/** Also reports redirects with the flow's state that were not accepted, until the sign-in has ended. */
function withRejections(
  { events }: CallbackHost,
  flow: Flow,
  signingIn: Observable<SignInEvent>,
): Observable<SignInEvent> {
  const ended = new Subject<void>();
  const rejections = events.pipe(
    filter((event) => event.type === 'redirect'),
    filter(({ flowId, disposition }) => flowId === flow.id && disposition !== 'accepted'),
    // A reload says nothing new, and joined sign-ins keep all events.
    distinct(({ disposition, reason }) => `${disposition} ${reason ?? ''}`),
    map(({ disposition, reason }) => new RejectedEvent(Date.now(), flow.id, disposition, reason)),
    takeUntil(ended),
  );
  return merge(rejections, signingIn.pipe(finalize(() => ended.next())));
}

function authorize(options: SignInOptions, metadata: ServerMetadata, flow: Flow): Observable<SignInEvent> {
  return abortable((signal) => clientOf(options, metadata, flow.redirectUri, signal)).pipe(
    switchMap((client) => ask(options, metadata, flow, client)),
  );
}

function ask(
  options: SignInOptions,
  { authorization_endpoint = '' }: ServerMetadata,
  flow: Flow,
  client: Client,
): Observable<SignInEvent> {
  const { issuer, scope } = options;
  const nonce = scope?.split(' ').includes('openid') ? randomToken() : undefined;
  const resource = [options.resource ?? []].flat();
  const url = flow.authorizationUrl(authorization_endpoint, requestOf(options, client, nonce, resource));
  const { id, secret, registered } = client;
  const made = registered ? [new RegisteredEvent(Date.now(), flow.id, id, secret)] : [];
  return concat(
    from<SignInEvent[]>([
      ...made,
      new AuthorizeEvent(Date.now(), flow.id, url),
      new WaitingEvent(Date.now(), flow.id, flow.expiresAt),
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
  // OpenID Connect Core section 11 requires consent for `offline_access`.
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
    of<SignInEvent>(new ReceivedEvent(Date.now(), flow.id)),
    abortable((signal) => exchange(asked, response, signal)).pipe(
      tap({
        next: () => flow.settle({ status: 'success' }),
        error: (error: unknown) => flow.settle({ status: 'failure', message: (error as Error).message }),
      }),
      map((tokens) => new ExchangedEvent(Date.now(), flow.id, tokens)),
    ),
  ).pipe(
    // Only the first outcome counts; if there is none, the caller has unsubscribed.
    finalize(() => flow.settle({ status: 'failure', message: 'The sign-in was cancelled.' })),
  );
}
