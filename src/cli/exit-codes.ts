/** Exit codes of the commands, as `--help` lists them. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  listen: 3,
  connection: 4,
  denied: 5,
  expired: 6,
  signIn: 7,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const meanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: 'success',
  failed: 'failed',
  usage: 'invalid option or value',
  listen: 'cannot listen on the port or address',
  connection: 'cannot reach the service or the provider, or the credential was rejected',
  denied: 'the authorization server returned an error, such as access_denied',
  expired: 'the sign-in timed out',
  signIn: 'no valid token is saved, and none can be had without a new sign-in',
  interrupted: 'interrupted by Ctrl-C',
};

/** Exit codes by the `code` of this package's errors; all other errors are `failed`. */
const byErrorCode: Readonly<Partial<Record<string, ExitCode>>> = {
  invalid_option: exitCodes.usage,
  listen_failed: exitCodes.listen,
  port_in_use: exitCodes.listen,
  port_held: exitCodes.listen,
  unsafe_secret: exitCodes.listen,
  connection_failed: exitCodes.connection,
  // A remote service has ended or restarted, or no longer accepts the token.
  closed: exitCodes.connection,
  unreachable: exitCodes.connection,
  discovery_failed: exitCodes.connection,
  resource_mismatch: exitCodes.connection,
  authorization_error: exitCodes.denied,
  authorization_request_failed: exitCodes.denied,
  expired: exitCodes.expired,
  cancelled: exitCodes.interrupted,
};

/** Members that errors of this package may have. */
interface Failure {
  readonly code?: unknown;
  readonly error?: unknown;
  readonly status?: unknown;
  readonly unanswered?: unknown;
}

const ofRequests: readonly unknown[] = [
  'authorization_request_failed',
  'token_request_failed',
  'revocation_failed',
];

/** Tells if an endpoint rejects the client (RFC 6749 section 5.2), in the body or by the status only. */
export function rejectsClient({ code, error, status }: Failure): boolean {
  return ofRequests.includes(code) && (error === 'invalid_client' || (error === undefined && status === 401));
}

/** Gives the exit code for an error. */
export function exitCodeOf(thrown: unknown): ExitCode {
  const failure: Failure = typeof thrown === 'object' ? (thrown ?? {}) : {};
  if (failure.unanswered === true || rejectsClient(failure)) return exitCodes.connection;
  return (typeof failure.code === 'string' ? byErrorCode[failure.code] : undefined) ?? exitCodes.failed;
}
