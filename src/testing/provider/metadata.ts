import { withoutUndefined } from '../../base/without-undefined.ts';
import type { ReadFakeProviderOptions } from './options.ts';

export const deviceGrantType = 'urn:ietf:params:oauth:grant-type:device_code';

/** Builds the metadata of a fake provider. @see RFC 8414 section 2; OpenID Connect Discovery section 3 */
export function metadataOf(
  issuer: string,
  { pushedRequests, metadata }: Pick<ReadFakeProviderOptions, 'pushedRequests' | 'metadata'>,
): Readonly<Record<string, unknown>> {
  return withoutUndefined<Record<string, unknown>>({
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    registration_endpoint: `${issuer}/register`,
    pushed_authorization_request_endpoint: `${issuer}/par`,
    require_pushed_authorization_requests: pushedRequests === 'required',
    device_authorization_endpoint: `${issuer}/device_authorization`,
    revocation_endpoint: `${issuer}/revoke`,
    userinfo_endpoint: `${issuer}/userinfo`,
    jwks_uri: `${issuer}/jwks`,
    scopes_supported: ['openid', 'offline_access'],
    response_types_supported: ['code'],
    response_modes_supported: ['query', 'form_post'],
    grant_types_supported: ['authorization_code', 'refresh_token', deviceGrantType],
    token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
    revocation_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    ...metadata,
  });
}
