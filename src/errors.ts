import type { CallbackResponse } from './callback-response.ts';

/** An option or argument is out of range or contradicts another one. Thrown before anything is opened. */
export class InvalidOptionError extends TypeError {
  readonly code = 'invalid_option';
  override readonly name = 'InvalidOptionError';
  constructor(
    /** The option or parameter at fault. */
    readonly option: string,
    message: string,
  ) {
    super(`${option} ${message}`);
  }
}

/** Something was asked of the server that only a bound server knows, such as its redirect URI. */
export class NotListeningError extends Error {
  readonly code = 'not_listening';
  override readonly name = 'NotListeningError';
}

/** The address cannot be bound. */
export class ListenError extends Error {
  readonly code = 'listen_failed';
  override readonly name = 'ListenError';
}

/** The port is held by somebody else. */
export class PortInUseError extends Error {
  readonly code = 'port_in_use';
  override readonly name = 'PortInUseError';
  constructor(
    readonly port: number,
    readonly host: string,
    /** Set when the holder answered as a server of this package. */
    readonly holder: 'rx-oauth-callback' | undefined,
    options: ErrorOptions,
  ) {
    const who = holder ? 'another rx-oauth-callback server' : 'another process';
    super(`port ${port} on ${host} is in use by ${who}`, options);
  }
}

/** The redirect URI does not lead to this server. */
export class UnreachableError extends Error {
  readonly code = 'unreachable';
  override readonly name = 'UnreachableError';
}

/** The callback service cannot be reached, or does not take the credential. */
export class ConnectionError extends Error {
  readonly code = 'connection_failed';
  override readonly name = 'ConnectionError';
  constructor(
    message: string,
    /** The WebSocket close code. */
    readonly closeCode: number,
    /** The HTTP status of a refused handshake, where known. */
    readonly status: number | undefined,
  ) {
    super(message);
  }
}

/** Another pending flow has this state; it keeps it. */
export class StateInUseError extends Error {
  readonly code = 'state_in_use';
  override readonly name = 'StateInUseError';
}

/** The store of the flows cannot be reached. Nothing is guessed: what was asked for may be asked for again. */
export class StoreUnavailableError extends Error {
  readonly code = 'store_unavailable';
  override readonly name = 'StoreUnavailableError';
}

/** What the store has of a flow cannot be opened: it was changed, or sealed with a key that is not among ours. */
export class StoredFlowError extends Error {
  readonly code = 'stored_flow_unreadable';
  override readonly name = 'StoredFlowError';
}

/** `maxFlows` are pending. Those complete undisturbed; no new one begins until one ends. */
export class TooManyFlowsError extends Error {
  readonly code = 'too_many_flows';
  override readonly name = 'TooManyFlowsError';
}

/** The flow's time to live passed before its redirect came. */
export class FlowExpiredError extends Error {
  readonly code = 'expired';
  override readonly name = 'FlowExpiredError';
}

/** The flow was cancelled by `flow.cancel()` or its `signal`, whose reason is the `cause`. */
export class FlowCancelledError extends Error {
  readonly code = 'cancelled';
  override readonly name = 'FlowCancelledError';
}

/** The server closed while the flow was pending. */
export class ServerClosedError extends Error {
  readonly code = 'closed';
  override readonly name = 'ServerClosedError';
}

/**
 * The authorization server answered with `error`. The wire fields keep their wire names.
 *
 * @see RFC 6749 section 4.1.2.1
 */
export class AuthorizationError extends Error {
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

  /** Not enumerable, so that printing the error does not show it. */
  get state(): string | undefined {
    return this.#state;
  }
}

/** The sentence for a provider's error, used on the page and as the message of `AuthorizationError`. */
export function describeError(response: CallbackResponse): string {
  if (response.error === 'access_denied') return 'Access was denied by the authorization server.';
  return `Authorization failed: ${response.error_description ?? response.error ?? 'unknown error'}`;
}

/** Every error of this package; `code` tells them apart. */
export type OAuthCallbackError =
  | AuthorizationError
  | ConnectionError
  | FlowCancelledError
  | FlowExpiredError
  | InvalidOptionError
  | ListenError
  | NotListeningError
  | PortInUseError
  | ServerClosedError
  | StateInUseError
  | StoreUnavailableError
  | StoredFlowError
  | TooManyFlowsError
  | UnreachableError;
