/** Verification of access tokens at an MCP server. */
import { OAuthError, type OAuthTokenVerifier } from '@modelcontextprotocol/server';
import { jwtVerify } from 'jose';
import { publicKey } from '../provider.ts';
import type { AuthorizationServer } from './authorization-server.ts';

/** Accepts tokens of the present authorization server that it has not revoked. The audience is checked by the caller. */
export function verifierFor(server: { authorizationServer: AuthorizationServer }): OAuthTokenVerifier {
  return {
    async verifyAccessToken(token) {
      const { issuer, accessTokens } = server.authorizationServer;
      const { payload } = await jwtVerify(token, publicKey, { issuer }).catch((error: unknown) => {
        throw new OAuthError('invalid_token', String(error));
      });
      if (accessTokens.isRevoked(payload.jti!)) throw new OAuthError('invalid_token', 'The token is revoked');
      const { client_id: clientId, scope } = payload as { client_id: string; scope?: string };
      return {
        token,
        clientId,
        scopes: scope?.split(' ') ?? [],
        expiresAt: payload.exp!,
        resource: new URL(String(payload.aud)),
        extra: { sub: payload.sub },
      };
    },
  };
}
