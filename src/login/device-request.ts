import type { DeviceAuthorizationResponse } from 'openid-client';
import { deviceAnswer } from './answers.ts';
import type { Client } from './client.ts';
import { AuthorizationRequestError } from './errors.ts';
import { mayBeAsked, shown } from './metadata.ts';
import { loadOpenId } from './openid-client.ts';
import type { ReadSignInOptions } from './options.ts';
import { refusalOf } from './refusals.ts';

const endpoint = 'device_authorization_endpoint';

/** Asks a server for the code that the user enters. Rejects with `AuthorizationRequestError`. @see RFC 8628 section 3.1 */
export async function requestDevice(
  { issuer, scope, resource, parameters = {} }: ReadSignInOptions,
  client: Client,
  signal: AbortSignal,
): Promise<DeviceAuthorizationResponse> {
  const openid = await loadOpenId();
  const configuration = await client.configure(signal, deviceAnswer);
  const given = Object.entries({ ...parameters, scope, resource });
  const body = new URLSearchParams(
    given.flatMap(([name, value]) => [value ?? []].flat().map((each) => [name, each])),
  );
  let answer: DeviceAuthorizationResponse;
  try {
    answer = await openid.initiateDeviceAuthorization(configuration, body);
  } catch (thrown) {
    const { reason, error, unanswered, status } = refusalOf(openid, thrown, [client.secret ?? '']);
    throw new AuthorizationRequestError(issuer, endpoint, reason, error, unanswered, status);
  }
  for (const name of ['verification_uri', 'verification_uri_complete'] as const) {
    const uri = answer[name];
    if (uri !== undefined && !mayBeAsked(uri, issuer.startsWith('http:')))
      throw new AuthorizationRequestError(
        issuer,
        endpoint,
        `gave a ${name} that is not https${name === 'verification_uri' ? `; got ${shown(uri)}` : ''}`,
      );
  }
  return answer;
}
