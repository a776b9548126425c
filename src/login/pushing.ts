import { pushedAnswer } from './answers.ts';
import type { Client } from './client.ts';
import { AuthorizationRequestError } from './errors.ts';
import { loadOpenId } from './openid-client.ts';
import { refusalOf } from './refusals.ts';

/**
 * Pushes an authorization request to the server. Resolves with the URL for the browser, which has a reference to the request
 * only. Rejects with `AuthorizationRequestError`.
 *
 * @see RFC 9126
 */
export async function push(
  issuer: string,
  client: Client,
  parameters: URLSearchParams,
  signal: AbortSignal,
): Promise<URL> {
  const openid = await loadOpenId();
  const configuration = await client.configure(signal, pushedAnswer);
  try {
    return await openid.buildAuthorizationUrlWithPAR(
      configuration,
      parameters,
      await client.proof(configuration),
    );
  } catch (thrown) {
    const secrets = ['state', 'nonce', 'code_challenge'].map((name) => parameters.get(name) ?? '');
    const { reason, error, unanswered, status } = refusalOf(openid, thrown, [
      ...secrets,
      client.secret ?? '',
    ]);
    throw new AuthorizationRequestError(
      issuer,
      'pushed_authorization_request_endpoint',
      reason,
      error,
      unanswered,
      status,
    );
  }
}
