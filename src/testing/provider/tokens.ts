import type { Clients } from './clients.ts';
import type { Devices } from './device.ts';
import { json, ProviderError, type FakeProviderRequest, type Reply } from './exchange.ts';
import type { Grants, Issued } from './grants.ts';
import { signIdToken } from './id-token.ts';
import type { ReadFakeProviderOptions } from './options.ts';

/** Parts of a fake provider that its token endpoint uses. */
export interface TokenOptions {
  readonly issuer: string;
  readonly options: ReadFakeProviderOptions;
  readonly clients: Clients;
  readonly grants: Grants;
  readonly devices: Devices;
}

export const deviceGrantType = 'urn:ietf:params:oauth:grant-type:device_code';

/** Token endpoint, with those for revocation and for the user's claims. */
export class TokenEndpoint {
  readonly #parts: TokenOptions;

  constructor(parts: TokenOptions) {
    this.#parts = parts;
  }

  async token(request: FakeProviderRequest): Promise<Reply> {
    const { clientId } = this.#parts.clients.authenticate(request);
    const issued = this.#redeem(clientId, request.parameters);
    const { accessToken, refreshToken, scope } = issued;
    const isOpenId = scope.split(' ').includes('openid');
    return json(200, {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: this.#parts.options.accessTokenTtl,
      refresh_token: refreshToken,
      ...(scope !== '' && { scope }),
      ...(isOpenId && { id_token: await this.#idToken(issued) }),
    });
  }

  /** Revokes a token. An unknown one is answered alike. @see RFC 7009 section 2.2 */
  revoke(request: FakeProviderRequest): Reply {
    const { clientId } = this.#parts.clients.authenticate(request);
    this.#parts.grants.revoke(clientId, request.parameters['token']);
    return { status: 200 };
  }

  userinfo({ headers }: FakeProviderRequest): Reply {
    const value = /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1];
    const token = this.#parts.grants.accessToken(value);
    if (token) return json(200, { sub: token.subject });
    return { status: 401, headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' } };
  }

  #redeem(clientId: string, parameters: FakeProviderRequest['parameters']): Issued {
    const { grants, devices } = this.#parts;
    switch (parameters['grant_type']) {
      case 'authorization_code':
        return grants.redeemCode(clientId, parameters);
      case 'refresh_token':
        return grants.refresh(clientId, parameters['refresh_token'], parameters['scope']);
      case deviceGrantType:
        return devices.redeem(clientId, parameters['device_code']);
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
