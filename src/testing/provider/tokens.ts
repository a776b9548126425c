import { mayUse, type Clients } from './clients.ts';
import type { Devices } from './device.ts';
import { json, ProviderError, type FakeProviderRequest, type Reply } from './exchange.ts';
import type { Grants, Issued } from './grants.ts';
import { signIdToken } from './id-token.ts';
import { deviceGrantType } from './metadata.ts';
import type { ReadFakeProviderOptions } from './options.ts';

/** Parts of a fake provider that its token endpoint uses. */
export interface TokenOptions {
  readonly issuer: string;
  readonly options: ReadFakeProviderOptions;
  readonly clients: Clients;
  readonly grants: Grants;
  readonly devices: Devices;
}

/** Token endpoint, with those for revocation and for the user's claims. */
export class TokenEndpoint {
  readonly #parts: TokenOptions;

  constructor(parts: TokenOptions) {
    this.#parts = parts;
  }

  async token(request: FakeProviderRequest): Promise<Reply> {
    const client = this.#parts.clients.authenticate(request);
    const grantType = required(request.parameters, 'grant_type');
    if (!mayUse(client, grantType))
      throw new ProviderError('unauthorized_client', `the client has not registered ${grantType}`);
    const issued = this.#redeem(client.clientId, grantType, request.parameters);
    const { accessToken, refreshToken, scope } = issued;
    const isOpenId = scope.split(' ').includes('openid');
    return json(200, {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: this.#parts.options.accessTokenTtl,
      ...(refreshToken !== undefined && { refresh_token: refreshToken }),
      ...(scope !== '' && { scope }),
      ...(isOpenId && { id_token: await this.#idToken(issued) }),
    });
  }

  /** Revokes a token. An unknown one is answered alike. @see RFC 7009 section 2.2 */
  revoke(request: FakeProviderRequest): Reply {
    const { clientId } = this.#parts.clients.authenticate(request);
    this.#parts.grants.revoke(clientId, required(request.parameters, 'token'));
    return { status: 200 };
  }

  userinfo({ headers }: FakeProviderRequest): Reply {
    const value = /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1];
    const token = this.#parts.grants.accessToken(value);
    if (!token) return challenge(401, value === undefined ? 'Bearer' : 'Bearer error="invalid_token"');
    // OpenID Connect Core section 5.3.
    if (!token.scope.split(' ').includes('openid'))
      return challenge(403, 'Bearer error="insufficient_scope", scope="openid"');
    return json(200, { sub: token.subject });
  }

  #redeem(clientId: string, grantType: string, parameters: FakeProviderRequest['parameters']): Issued {
    const { grants, devices } = this.#parts;
    switch (grantType) {
      case 'authorization_code':
        required(parameters, 'code');
        return grants.redeemCode(clientId, parameters);
      case 'refresh_token':
        return grants.refresh(clientId, required(parameters, 'refresh_token'), parameters['scope']);
      case deviceGrantType:
        return devices.redeem(clientId, required(parameters, 'device_code'));
      default:
        throw new ProviderError('unsupported_grant_type', 'the grant type is not supported');
    }
  }

  #idToken({ grant }: Issued): Promise<string> {
    const { issuer, options } = this.#parts;
    const issuedAt = Math.floor(Date.now() / 1_000);
    return signIdToken({
      iss: issuer,
      sub: grant.subject,
      aud: grant.clientId,
      iat: issuedAt,
      exp: issuedAt + options.accessTokenTtl,
      ...(grant.nonce !== undefined && { nonce: grant.nonce }),
    });
  }
}

/** Returns a parameter that the request must have. One without a value counts as left out. @see RFC 6749 section 3.2 */
function required(parameters: FakeProviderRequest['parameters'], name: string): string {
  const value = parameters[name];
  if (value === undefined || value === '') throw new ProviderError('invalid_request', `${name} is missing`);
  return value;
}

function challenge(status: number, value: string): Reply {
  return { status, headers: { 'WWW-Authenticate': value } };
}
