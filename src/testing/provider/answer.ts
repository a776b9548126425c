import { setTimeout } from 'node:timers/promises';
import { InvalidOptionError } from '../../base/invalid-option.ts';
import { readOptions, type OptionTable } from '../../base/options.ts';
import { requireInteger, requireList, requireOneOf, requireText } from '../../base/validate.ts';

/**
 * Every error that an authorization endpoint may send in its response, as registered at IANA.
 *
 * @see RFC 6749 section 4.1.2.1; OpenID Connect Core section 3.1.2.6; RFC 8707; RFC 9396; RFC 9470
 * @example
 * import { authorizationErrors, startFakeProvider } from 'rx-oauth-callback/testing';
 *
 * const provider = await startFakeProvider();
 * provider.answerNext(...authorizationErrors.map((error) => ({ error })));
 * await provider.close();
 */
export const authorizationErrors = [
  'access_denied',
  'account_selection_required',
  'consent_required',
  'interaction_required',
  'invalid_authorization_details',
  'invalid_request',
  'invalid_request_object',
  'invalid_request_uri',
  'invalid_scope',
  'invalid_target',
  'login_required',
  'registration_not_supported',
  'request_not_supported',
  'request_uri_not_supported',
  'server_error',
  'temporarily_unavailable',
  'unauthorized_client',
  'unmet_authentication_requirements',
  'unsupported_response_type',
] as const;

/**
 * Every error that a token endpoint may answer with, as registered at IANA.
 *
 * @see RFC 6749 section 5.2; RFC 8628 section 3.5; RFC 8707; RFC 9396; RFC 9449
 * @example
 * import { startFakeProvider, tokenErrors } from 'rx-oauth-callback/testing';
 *
 * const provider = await startFakeProvider();
 * provider.answerNext(...tokenErrors.map((error) => ({ tokenErrors: [error] })));
 * await provider.close();
 */
export const tokenErrors = [
  'access_denied',
  'authorization_pending',
  'expired_token',
  'invalid_authorization_details',
  'invalid_client',
  'invalid_dpop_proof',
  'invalid_grant',
  'invalid_request',
  'invalid_scope',
  'invalid_target',
  'slow_down',
  'unauthorized_client',
  'unsupported_grant_type',
  'use_dpop_nonce',
] as const;

/** Scripted answer of a fake provider to one sign-in. Without members the user is signed in. */
export interface FakeAnswer {
  /**
   * Error of the response, in place of a code. A device sign-in gets it from the token endpoint.
   * @default none: the response has a code
   */
  error?: string;
  /**
   * Parameters of the response beside those that belong there, or in place of them: `{ iss: 'https://other.example' }`. A list sends its
   * parameter once for each value.
   * @default {}
   */
  parameters?: Readonly<Record<string, string | readonly string[]>>;
  /**
   * Names of parameters that the response must not have: `state` or `iss`, for example.
   * @default []
   */
  omit?: readonly string[];
  /**
   * Mode of the response, although the request may ask for another one.
   * @default the one of the request
   */
  responseMode?: 'query' | 'form_post';
  /**
   * Number of equal redirects, 1 to 10. The provider sends all but the last one itself, before the browser of the user goes there.
   * @default 1
   */
  redirects?: number;
  /**
   * Milliseconds before the response, up to 600,000, or a promise that the response waits for.
   * @default 0
   */
  delay?: number | PromiseLike<unknown>;
  /**
   * Errors of the first token requests of this sign-in, one for each request; later requests succeed.
   * @default []
   */
  tokenErrors?: readonly string[];
}

/** An answer with its defaults. */
export type Answer = FakeAnswer & Required<Omit<FakeAnswer, 'error' | 'responseMode'>>;

const table: OptionTable<FakeAnswer> = {
  error: true,
  parameters: true,
  omit: true,
  responseMode: true,
  redirects: true,
  delay: true,
  tokenErrors: true,
};

const defaults: Required<Omit<FakeAnswer, 'error' | 'responseMode'>> = {
  parameters: {},
  omit: [],
  redirects: 1,
  delay: 0,
  tokenErrors: [],
};

/** Answer to a request that is wrong: nothing but the error. */
export function errorAnswer(error: string, description: string): Answer {
  return { ...defaults, error, parameters: { error_description: description } };
}

/** Waits before a response, as the script says. */
export async function delayed({ delay }: Pick<Answer, 'delay'>): Promise<void> {
  // A closed provider lets the process end.
  await (typeof delay === 'number' ? setTimeout(delay, undefined, { ref: false }) : delay);
}

/** Reads a scripted answer. @throws InvalidOptionError if a member is unknown or invalid. */
export function readAnswer(given: FakeAnswer): Answer {
  const answer = readOptions(given, table, { of: 'an answer of the fake provider' }, defaults);
  const { error, parameters, omit, responseMode, redirects, delay } = answer;
  if (error !== undefined) requireText('error', error);
  if (responseMode !== undefined) requireOneOf('responseMode', responseMode, ['query', 'form_post']);
  if (typeof delay === 'number') requireInteger('delay', delay, 0, 600_000);
  requireInteger('redirects', redirects, 1, 10);
  requireList('omit', omit, ' of names of parameters');
  requireList('tokenErrors', answer.tokenErrors, ' of errors');
  const both = omit.find((name) => Object.hasOwn(parameters, name));
  if (both !== undefined) throw new InvalidOptionError('omit', `must not name ${both}, which parameters has`);
  return answer;
}
