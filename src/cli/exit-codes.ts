/** How a command ends, for scripts. Part of `--help` and of the README, which a spec compares with this. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  listen: 3,
  connection: 4,
  denied: 5,
  expired: 6,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const meanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: 'all went well',
  failed: 'something failed',
  usage: 'an unknown option, or a value that cannot be',
  listen: 'the port or address cannot be listened on',
  connection: 'the service or the provider cannot be reached, or does not take the credential',
  denied: 'the authorization server answered with an error, such as access_denied',
  expired: 'nobody signed in before the time was up',
  interrupted: 'ended by Ctrl-C',
};

/** Of the errors of this package, by their `code`; all others are `failed`. */
const byErrorCode: Readonly<Partial<Record<string, ExitCode>>> = {
  invalid_option: exitCodes.usage,
  listen_failed: exitCodes.listen,
  port_in_use: exitCodes.listen,
  connection_failed: exitCodes.connection,
  // By a service elsewhere that has ended, begun anew, or no longer takes the token.
  closed: exitCodes.connection,
  unreachable: exitCodes.connection,
  discovery_failed: exitCodes.connection,
  authorization_error: exitCodes.denied,
  expired: exitCodes.expired,
  cancelled: exitCodes.interrupted,
};

export function exitCodeOf(thrown: unknown): ExitCode {
  const { code, error, unanswered } = (typeof thrown === 'object' ? (thrown ?? {}) : {}) as Record<
    string,
    unknown
  >;
  // The token endpoint's word for who does not take the credential (RFC 6749 section 5.2).
  const unknown = code === 'token_request_failed' && error === 'invalid_client';
  if (unanswered === true || unknown) return exitCodes.connection;
  return (typeof code === 'string' ? byErrorCode[code] : undefined) ?? exitCodes.failed;
}
