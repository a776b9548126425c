import { errorText } from '../base/printable.ts';
import { ReportedError, UnusableAnswerError } from './answers.ts';
import type { OpenId } from './openid-client.ts';
import { withoutSecrets } from './redaction.ts';

/** Description of a failed request, without secrets. `reason` continues a sentence that begins with the endpoint. */
export interface Refusal {
  reason: string;
  /** HTTP status of the answer, if it is the cause. */
  status?: number;
  /** OAuth error code of the answer. */
  error?: string;
  /** Set if the server did not answer. */
  unanswered?: true;
  /** Set if the server accepted the connection, and closed it without an answer. */
  closed?: true;
}

// Codes of Node and of undici for a connection that the peer has closed.
const closedCodes = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'];

/**
 * Describes an error of openid-client. Reads only the parts without secrets, because its `cause` may contain a whole token
 * response.
 *
 * @param secrets Values that were sent, and are removed from the error text of the server.
 */
export function refusalOf(openid: OpenId, thrown: unknown, secrets: readonly string[] = []): Refusal {
  if (thrown instanceof openid.WWWAuthenticateChallengeError) {
    const { error, error_description } =
      thrown.cause.map(({ parameters }) => parameters).find((each) => each.error !== undefined) ?? {};
    return answered(thrown.status, error, error_description, secrets);
  }
  if (thrown instanceof openid.ResponseBodyError)
    return answered(thrown.status, thrown.error, thrown.error_description, secrets);
  if (!(thrown instanceof openid.ClientError)) return unanswered(thrown);
  const { code, cause, message } = thrown;
  if (cause instanceof ReportedError) return answered(cause.status, cause.error, cause.description, secrets);
  if (cause instanceof UnusableAnswerError) return { reason: cause.reason, status: cause.status };
  if (code === 'OAUTH_TIMEOUT') return { reason: 'did not answer in time', unanswered: true };
  if (code === 'OAUTH_MISSING_SERVER_METADATA')
    return { reason: 'gave an ID token whose signature cannot be verified: its metadata has no jwks_uri' };
  if (cause instanceof Response) {
    const { status, ok } = cause;
    const isPage = ok && code !== 'OAUTH_RESPONSE_IS_NOT_CONFORM';
    return { reason: isPage ? 'answered with a body that is not JSON' : `answered ${status}`, status };
  }
  // Messages of openid-client name the invalid field, never its value.
  return { reason: `gave an invalid answer: ${cause instanceof Error ? cause.message : message}` };
}

function answered(
  status: number,
  error: string | undefined,
  description: string | undefined,
  secrets: readonly string[],
): Refusal {
  if (error === undefined) return { reason: `answered ${status}`, status };
  // Secrets are removed before `errorText` shortens the text; otherwise half of one could remain.
  const say = (text: string): string => errorText(withoutSecrets(text, secrets));
  const told = description === undefined ? '' : `: ${say(description)}`;
  return { reason: `answered ${say(error)}${told}`, status, error: say(error) };
}

function unanswered(thrown: unknown): Refusal {
  const { cause } = thrown as { cause?: NodeJS.ErrnoException };
  const code = cause?.code ?? (thrown as NodeJS.ErrnoException).code;
  return {
    reason: `cannot be reached${typeof code === 'string' ? ` (${code})` : ''}`,
    unanswered: true,
    ...(closedCodes.includes(code ?? '') && { closed: true }),
  };
}
