import type * as OpenIdClient from 'openid-client';
import { MissingPackageError } from './errors.ts';
import { withoutSecrets } from './redaction.ts';

/** The peer that speaks OAuth; loaded when the first sign-in starts. */
export type OpenId = typeof OpenIdClient;

export async function loadOpenId(): Promise<OpenId> {
  try {
    return await import('openid-client');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new MissingPackageError('openid-client');
  }
}

/** Lets the peer ask a server without TLS. Ours are on loopback: whatever else is refused before. */
export function allowLoopback(openid: OpenId): (configuration: OpenIdClient.Configuration) => void {
  // Deprecated by the peer so that it stands out.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  return openid.allowInsecureRequests;
}

/** A `fetch`, as of the platform. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** `fetch` for the peer, which ends with the signal too. */
export function fetchUntil(signal: AbortSignal, fetch: Fetch): OpenIdClient.CustomFetch {
  return (url, init) => {
    const signals = init.signal ? [init.signal, signal] : [signal];
    return fetch(url, { ...init, signal: AbortSignal.any(signals) } as RequestInit);
  };
}

/** What the peer has to say of a request that failed: how it goes on after the name of the endpoint. */
export interface Refusal {
  reason: string;
  /** The HTTP status of an answer that is none of those that were expected. */
  status?: number;
  /** The error code in the answer's body. */
  error?: string;
  /** Nothing came back. */
  unanswered?: true;
}

/**
 * Reads no more of an error than is no secret: in a `cause` of the peer there may be a whole token response.
 *
 * @param secrets What was sent, and must not come back in what the server says of it.
 */
export function refusalOf(openid: OpenId, thrown: unknown, secrets: readonly string[] = []): Refusal {
  if (thrown instanceof openid.ResponseBodyError) {
    return answered(thrown.status, thrown.error, thrown.error_description, secrets);
  }
  if (thrown instanceof openid.WWWAuthenticateChallengeError) {
    const { error, error_description } = thrown.cause[0]?.parameters ?? {};
    return answered(thrown.status, error, error_description, secrets);
  }
  if (!(thrown instanceof openid.ClientError)) return { reason: networkReason(thrown), unanswered: true };
  const { code, cause, message } = thrown;
  if (code === 'OAUTH_TIMEOUT') return { reason: 'did not answer in time', unanswered: true };
  if (cause instanceof Response && code === 'OAUTH_RESPONSE_IS_NOT_CONFORM')
    return { reason: `answered ${cause.status}`, status: cause.status };
  if (cause instanceof Response) return { reason: 'answered with what is not JSON', status: cause.status };
  // The messages of the peer name what they found fault with, never its value.
  return { reason: `gave an answer that does not hold: ${cause instanceof Error ? cause.message : message}` };
}

function answered(
  status: number,
  error: string | undefined,
  description: string | undefined,
  secrets: readonly string[],
): Refusal {
  if (error === undefined) return { reason: `answered ${status}`, status };
  // Before it is cut, or half of a secret could be left.
  const say = (text: string): string => printable(withoutSecrets(text, secrets));
  const told = description === undefined ? '' : `: ${say(description)}`;
  return { reason: `answered ${say(error)}${told}`, status, error: say(error) };
}

function networkReason(thrown: unknown): string {
  const { cause } = thrown as { cause?: NodeJS.ErrnoException };
  const code = cause?.code ?? (thrown as NodeJS.ErrnoException).code;
  return `cannot be reached${typeof code === 'string' ? ` (${code})` : ''}`;
}

// RFC 6749 appendix A.7, A.8: whatever else a server may send has no business on a terminal.
const outsideErrorText = /[^\x20-\x21\x23-\x5b\x5d-\x7e]+/g;

function printable(text: string): string {
  return text.replace(outsideErrorText, '?').slice(0, 500);
}
