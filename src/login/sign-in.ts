import {
  catchError,
  concat,
  defer,
  distinct,
  filter,
  finalize,
  map,
  merge,
  of,
  Subject,
  switchMap,
  takeUntil,
  throwError,
  type Observable,
} from 'rxjs';
import { abortable } from '../base/abortable.ts';
import { withFlow } from '../flows/with-flow.ts';
import { type CallbackHost } from '../model/callback-host.ts';
import type { BeginOptions, Flow } from '../model/flow.ts';
import { createOAuthCallbackServer } from '../server/create.ts';
import { authorize, authorizeDevice } from './authorization.ts';
import { clientOf, type ClientSource } from './client.ts';
import { isSignInError } from './errors.ts';
import { DiscoveredEvent, FailedEvent, isLast, RejectedEvent, type SignInEvent } from './events.ts';
import { Flights } from './flights.ts';
import { discover } from './metadata.ts';
import { readSignInOptions, type ReadSignInOptions, type SignInOptions } from './options.ts';
import { opening } from './opening.ts';
import { planOf, type Plan } from './plan.ts';
import type { ServerMetadata } from './server-metadata.ts';

// Maximum number of milliseconds that the page waits for the result. Longer than the timeout of the token request.
const settleTimeoutMs = 60_000;

/** Sign-ins in progress, by the host that receives their redirects. */
const flights = new WeakMap<object, Flights<SignInEvent>>();
const ownServers = {};

/**
 * Signs a user in. Returns a cold Observable: subscribing starts the sign-in, unsubscribing cancels it and frees what it
 * holds. It discovers the authorization server, registers a client if there is no `clientId`, waits for the user, and
 * exchanges the code. If the server offers the device grant, the user may also enter a code on another device.
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
  const { issuer, scope, resource, parameters, dpop } = options;
  const clientId = options.clientId ?? options.clientMetadataUrl;
  return ofHost.join(JSON.stringify([issuer, clientId, scope, resource, parameters, dpop]), attempt(options));
}

/** Signs a user in, with the client of this source. Does not join another sign-in. */
export function attempt(
  options: ReadSignInOptions,
  source: ClientSource = clientOf,
): Observable<SignInEvent> {
  const check = (metadata: ServerMetadata): unknown => planOf(options, metadata);
  return abortable((signal) => discover({ ...options, check }, signal)).pipe(
    switchMap((metadata) => {
      const plan = planOf(options, metadata);
      return concat(
        of<SignInEvent>(new DiscoveredEvent(Date.now(), metadata.issuer)),
        plan.device?.isAlone
          ? authorizeDevice(options, metadata, source)
          : redirected(options, metadata, plan, source),
      );
    }),
    catchError((error: unknown) =>
      // Any other error is a defect, which stays an error.
      isSignInError(error) ? of(new FailedEvent(Date.now(), error)) : throwError(() => error),
    ),
  );
}

function redirected(
  options: ReadSignInOptions,
  metadata: ServerMetadata,
  plan: Plan,
  source: ClientSource,
): Observable<SignInEvent> {
  const { open = false } = options;
  return withHost(options, (host) =>
    withFlow(
      host,
      (flow) => {
        const signingIn = withRejections(
          host,
          flow,
          authorize({ options, metadata, plan, flow, clientOf: source }),
        );
        return open ? opening(signingIn) : signingIn;
      },
      beginOptions(options, metadata, plan),
    ),
  );
}

/** Opens a port for the sign-in unless there is a host. The port closes when the sign-in is over and its page is sent. */
function withHost<T>(
  { host, server, successUrl }: ReadSignInOptions,
  project: (host: CallbackHost) => Observable<T>,
): Observable<T> {
  if (host) return defer(() => project(host));
  return defer(() => {
    const own = createOAuthCallbackServer({
      settle: settleTimeoutMs,
      ...server,
      ...(successUrl !== undefined && { finishUrls: [...(server?.finishUrls ?? []), successUrl] }),
    });
    return abortable(() => own.listen()).pipe(
      switchMap(() => project(own)),
      finalize(() => void own.close()),
    );
  });
}

function beginOptions(
  { timeout, context, binding, label, serverUrl, requireIssuer }: ReadSignInOptions,
  metadata: ServerMetadata,
  { responseMode }: Plan,
): Omit<BeginOptions, 'key'> {
  return {
    issuer: metadata.issuer,
    issuerAdvertised: metadata.authorization_response_iss_parameter_supported === true,
    ...(timeout !== undefined && { ttl: timeout }),
    ...(context !== undefined && { context }),
    ...(binding !== undefined && { binding }),
    ...(label !== undefined && { label }),
    ...(serverUrl !== undefined && { serverUrl }),
    responseMode,
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
    filter(
      ({ flowId, disposition }) =>
        flowId === flow.id && disposition !== 'accepted' && disposition !== 'unconfirmed',
    ),
    // A reload says nothing new, and joined sign-ins keep all events.
    distinct(({ disposition, reason }) => `${disposition} ${reason ?? ''}`),
    map(({ disposition, reason }) => new RejectedEvent(Date.now(), flow.id, disposition, reason)),
    takeUntil(ended),
  );
  return merge(rejections, signingIn.pipe(finalize(() => ended.next())));
}
