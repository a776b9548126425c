/**
 * Errors of flows, servers and stores, with their stable codes.
 *
 * One file, although it is long: most of it are examples, and a reader who looks for a code finds it in one place.
 */
import { CodedError } from '../base/coded-error.ts';
import type { InvalidOptionError } from '../base/invalid-option.ts';
import type { CallbackResponse } from './callback-response.ts';

/**
 * The server is not listening, so that it has no redirect URI or address yet.
 *
 * @example
 * import { createOAuthCallbackServer, NotListeningError } from 'rx-oauth-callback';
 *
 * const server = createOAuthCallbackServer();
 * try {
 *   console.log(server.redirectUri);
 * } catch (error) {
 *   if (error instanceof NotListeningError) await server.listen();
 * }
 */
export class NotListeningError extends CodedError {
  readonly code = 'not_listening';
  override readonly name = 'NotListeningError';
}

/**
 * The address cannot be bound. The `cause` is the error of the operating system, if there is one.
 *
 * @example
 * import { createOAuthCallbackServer, ListenError } from 'rx-oauth-callback';
 *
 * try {
 *   await createOAuthCallbackServer({ port: 80 }).listen();
 * } catch (error) {
 *   if (error instanceof ListenError) console.error(error.message, error.cause);
 * }
 */
export class ListenError extends CodedError {
  readonly code = 'listen_failed';
  override readonly name = 'ListenError';
}

/**
 * The port is in use by another process or server.
 *
 * @example
 * import { createOAuthCallbackServer, PortInUseError } from 'rx-oauth-callback';
 *
 * try {
 *   await createOAuthCallbackServer({ port: 8080 }).listen();
 * } catch (error) {
 *   if (error instanceof PortInUseError) console.error(`Close the program that uses port ${error.port}.`);
 * }
 */
export class PortInUseError extends CodedError {
  readonly code = 'port_in_use';
  override readonly name = 'PortInUseError';
  constructor(
    readonly port: number,
    readonly host: string,
    /** Set if the server on the port has identified itself as one of this package. */
    readonly holder: 'rx-oauth-callback' | undefined,
    options: ErrorOptions,
  ) {
    const who = holder ? 'another rx-oauth-callback server' : 'another process';
    super(`port ${port} on ${host} is in use by ${who}`, options);
  }
}

/**
 * The redirect URI does not lead to this server.
 *
 * @example
 * import { createOAuthCallbackServer, UnreachableError } from 'rx-oauth-callback';
 *
 * const server = createOAuthCallbackServer();
 * await server.listen();
 * try {
 *   await server.probe();
 * } catch (error) {
 *   if (error instanceof UnreachableError) console.error(error.message, error.cause);
 * }
 */
export class UnreachableError extends CodedError {
  readonly code = 'unreachable';
  override readonly name = 'UnreachableError';
}

/**
 * The callback service cannot be reached, or rejects the credential.
 *
 * @example
 * import { connectCallbackHost, ConnectionError } from 'rx-oauth-callback/client';
 *
 * try {
 *   await connectCallbackHost('wss://sign-in.example', { token: 'secret' });
 * } catch (error) {
 *   if (error instanceof ConnectionError) console.error(error.message, error.closeCode, error.status);
 * }
 */
export class ConnectionError extends CodedError {
  readonly code = 'connection_failed';
  override readonly name = 'ConnectionError';
  constructor(
    message: string,
    /** WebSocket close code. */
    readonly closeCode: number,
    /** HTTP status of a rejected handshake, if known. */
    readonly status: number | undefined,
  ) {
    super(message);
  }
}

/**
 * The code that a person has typed in is not the one that the page of the sign-in shows.
 *
 * @example
 * import { WrongCodeError, type Flow } from 'rx-oauth-callback';
 *
 * async function confirm(flow: Flow, typed: string): Promise<string> {
 *   try {
 *     await flow.confirm(typed);
 *     return 'Thank you.';
 *   } catch (error) {
 *     if (error instanceof WrongCodeError) return 'Please compare the code with the page, and type it again.';
 *     throw error;
 *   }
 * }
 */
export class WrongCodeError extends CodedError {
  readonly code = 'wrong_code';
  override readonly name = 'WrongCodeError';
}

/**
 * A state can begin only one flow: another flow is waiting for this one, or it was used before.
 *
 * @example
 * import { createOAuthCallbackServer, StateInUseError } from 'rx-oauth-callback';
 *
 * const server = createOAuthCallbackServer();
 * await server.listen();
 * const { state } = await server.begin();
 * try {
 *   await server.begin({ state });
 * } catch (error) {
 *   if (error instanceof StateInUseError) await server.begin();
 * }
 */
export class StateInUseError extends CodedError {
  readonly code = 'state_in_use';
  override readonly name = 'StateInUseError';
}

/**
 * The store of the flows cannot be reached, so that the result of the operation is unknown. It may be retried.
 *
 * @example
 * import { connectCallbackHost, StoreUnavailableError } from 'rx-oauth-callback/client';
 *
 * const host = await connectCallbackHost('wss://sign-in.example', { token: 'secret' });
 * try {
 *   await host.begin();
 * } catch (error) {
 *   if (error instanceof StoreUnavailableError) console.error('Please try again later.');
 * }
 */
export class StoreUnavailableError extends CodedError {
  readonly code = 'store_unavailable';
  override readonly name = 'StoreUnavailableError';
}

/**
 * The store's record of a flow cannot be decrypted: it was changed, or encrypted with an unknown key.
 *
 * @example
 * import { StoredFlowError } from 'rx-oauth-callback/redis';
 *
 * process.on('warning', (warning) => {
 *   if (warning instanceof StoredFlowError) console.error('Check the keys of the store.');
 * });
 */
export class StoredFlowError extends CodedError {
  readonly code = 'stored_flow_unreadable';
  override readonly name = 'StoredFlowError';
}

/**
 * The limit `maxFlows` is reached. Pending flows continue; a new flow can begin once one of them has ended.
 *
 * @example
 * import { createOAuthCallbackServer, TooManyFlowsError } from 'rx-oauth-callback';
 *
 * const server = createOAuthCallbackServer({ maxFlows: 100 });
 * await server.listen();
 * try {
 *   await server.begin();
 * } catch (error) {
 *   if (error instanceof TooManyFlowsError) console.error('Too many sign-ins are pending.');
 * }
 */
export class TooManyFlowsError extends CodedError {
  readonly code = 'too_many_flows';
  override readonly name = 'TooManyFlowsError';
}

/**
 * So many tickets or page sessions are unused that no more are given. The ones that were given before stay valid.
 *
 * @example
 * import { TooManyTicketsError, type Bridge } from 'rx-oauth-callback/bridge';
 *
 * function ticketFor(bridge: Bridge): string | undefined {
 *   try {
 *     return bridge.issueTicket({ origin: 'https://app.example' });
 *   } catch (error) {
 *     if (error instanceof TooManyTicketsError) return undefined;
 *     throw error;
 *   }
 * }
 */
export class TooManyTicketsError extends CodedError {
  readonly code = 'too_many_tickets';
  override readonly name = 'TooManyTicketsError';
}

/**
 * The flow's time to live ended before a redirect arrived.
 *
 * @example
 * import { createOAuthCallbackServer, FlowExpiredError } from 'rx-oauth-callback';
 *
 * const server = createOAuthCallbackServer();
 * await server.listen();
 * const flow = await server.begin({ ttl: 60_000 });
 * flow.response.subscribe({
 *   error: (error) => {
 *     if (error instanceof FlowExpiredError) console.error('The sign-in took more than a minute.');
 *   },
 * });
 */
export class FlowExpiredError extends CodedError {
  readonly code = 'expired';
  override readonly name = 'FlowExpiredError';
}

/**
 * The flow was cancelled by `flow.cancel()` or by its `signal`. The `cause` is the reason that was given.
 *
 * @example
 * import { createOAuthCallbackServer, FlowCancelledError } from 'rx-oauth-callback';
 *
 * const server = createOAuthCallbackServer();
 * await server.listen();
 * const flow = await server.begin({ signal: AbortSignal.timeout(60_000) });
 * flow.response.subscribe({
 *   error: (error) => {
 *     if (error instanceof FlowCancelledError) console.error(error.cause);
 *   },
 * });
 */
export class FlowCancelledError extends CodedError {
  readonly code = 'cancelled';
  override readonly name = 'FlowCancelledError';
}

/**
 * The server was closed while the flow was pending.
 *
 * @example
 * import { createOAuthCallbackServer, ServerClosedError } from 'rx-oauth-callback';
 *
 * const server = createOAuthCallbackServer();
 * await server.listen();
 * const flow = await server.begin();
 * flow.response.subscribe({
 *   error: (error) => console.log(error instanceof ServerClosedError), // true
 * });
 * await server.close();
 */
export class ServerClosedError extends CodedError {
  readonly code = 'closed';
  override readonly name = 'ServerClosedError';
}

/**
 * Another client has proven that it owns the flow, and receives its response now. Only a flow at a callback service ends so.
 *
 * @example
 * import { connectCallbackHost, FlowTakenOverError } from 'rx-oauth-callback/client';
 *
 * const host = await connectCallbackHost('wss://sign-in.example', { token: 'secret' });
 * const flow = await host.begin();
 * flow.response.subscribe({
 *   error: (error) => {
 *     if (error instanceof FlowTakenOverError) console.log('The sign-in goes on in another program.');
 *   },
 * });
 */
export class FlowTakenOverError extends CodedError {
  readonly code = 'taken_over';
  override readonly name = 'FlowTakenOverError';
}

/**
 * The authorization server sent a response with `error`. The fields of the response have their wire names.
 *
 * @see RFC 6749 section 4.1.2.1
 * @example
 * import { AuthorizationError, createOAuthCallbackServer, orThrow } from 'rx-oauth-callback';
 * import { firstValueFrom } from 'rxjs';
 *
 * const server = createOAuthCallbackServer();
 * await server.listen();
 * const flow = await server.begin();
 * try {
 *   await firstValueFrom(flow.response.pipe(orThrow()));
 * } catch (error) {
 *   if (error instanceof AuthorizationError) console.error(error.error); // access_denied
 * }
 */
export class AuthorizationError extends CodedError {
  readonly code = 'authorization_error';
  override readonly name = 'AuthorizationError';
  readonly error: string;
  readonly error_description: string | undefined;
  readonly error_uri: string | undefined;
  readonly iss: string | undefined;
  readonly #state: string | undefined;

  constructor(response: CallbackResponse) {
    super(describeError(response));
    this.error = response.error ?? 'unknown_error';
    this.error_description = response.error_description;
    this.error_uri = response.error_uri;
    this.iss = response.iss;
    this.#state = response.state;
  }

  /** State of the response. A getter is not enumerable, so that printing the error does not show it. */
  get state(): string | undefined {
    return this.#state;
  }
}

/** Describes a response with `error` in one sentence: the message of `AuthorizationError`. */
export function describeError(response: CallbackResponse): string {
  if (response.error === 'access_denied') return 'Access was denied by the authorization server.';
  return `Authorization failed: ${response.error_description ?? response.error ?? 'unknown error'}`;
}

/** Errors that end a flow without a response. Events have their codes as `type` or `reason`. */
export type UnansweredError = FlowCancelledError | FlowExpiredError | ServerClosedError;

/** Union of the errors of servers, clients and flows; `code` tells them apart. */
export type OAuthCallbackError =
  | AuthorizationError
  | ConnectionError
  | FlowCancelledError
  | FlowExpiredError
  | FlowTakenOverError
  | InvalidOptionError
  | ListenError
  | NotListeningError
  | PortInUseError
  | ServerClosedError
  | StateInUseError
  | StoreUnavailableError
  | StoredFlowError
  | TooManyFlowsError
  | TooManyTicketsError
  | UnreachableError
  | WrongCodeError;
