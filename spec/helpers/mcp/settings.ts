/** Configuration of `oidc-provider` as the authorization server of MCP servers. */
import { randomUUID } from 'node:crypto';
import type { Context, errors } from 'oidc-provider';
import { withoutAdvice } from '../../../src/cli/demo/without-advice.ts';
import { lifetimes, privateKey } from '../provider.ts';
import type { AuthorizationServerOptions } from './authorization-server.ts';
import type { Records } from './records.ts';
import type { AuthorizationServerSwitches } from './switches.ts';

export const scopes = 'mcp:use mcp:admin';

interface Owned {
  readonly clientId: string;
}

export async function settingsOf(
  options: AuthorizationServerOptions,
  switches: AuthorizationServerSwitches,
  records: Records,
): Promise<Readonly<Record<string, unknown>>> {
  const { errors } = await withoutAdvice(() => import('oidc-provider'));
  const { clients = [], documents, registration = true, authenticationMethods } = options;
  const cimd = documents && { enabled: true, ack: 'draft-02' };
  return {
    clients,
    scopes: ['openid', 'offline_access', ...scopes.split(' ')],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'spec', use: 'sig', alg: 'RS256' }] },
    ...(authenticationMethods && { clientAuthMethods: authenticationMethods }),
    // Lifetimes of a resource have no effect beside them.
    ttl: { ...lifetimes, AccessToken: () => switches.tokenTtl },
    clientBasedCORS: () => false,
    rotateRefreshToken: (context: Context) => {
      const { scope, resource } = context.oidc!.params!;
      if (switches.refreshNeedsScope && scope === undefined)
        throw new errors.InvalidTarget('scope is required');
      if (switches.refreshNeedsResource && resource === undefined)
        throw new errors.InvalidTarget('resource is required');
      return true;
    },
    fetch: (url: string | URL) => {
      records.counts.documents++;
      const document = documents?.[String(url)];
      return Promise.resolve(document ? Response.json(document) : new Response('', { status: 404 }));
    },
    features: {
      devInteractions: { enabled: false },
      revocation: {
        enabled: true,
        allowedPolicy: (_context: Context, client: Owned, token: Owned) => client.clientId === token.clientId,
      },
      registration: { enabled: registration, idFactory: idFactoryOf(switches, errors) },
      ...(cimd && { clientIdMetadataDocument: cimd }),
      resourceIndicators: {
        enabled: true,
        defaultResource: (_context: Context, _client: unknown, oneOf?: readonly string[]) => oneOf?.[0],
        useGrantedResource: () => true,
        getResourceServerInfo: (_context: Context, resource: string) => ({
          scope: scopes,
          audience: resource,
          accessTokenFormat: 'jwt',
          accessTokenTTL: switches.tokenTtl,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  };
}

/** The hook of a registration that runs before its metadata is checked, and may change it. */
function idFactoryOf(
  switches: AuthorizationServerSwitches,
  { InvalidClientMetadata }: typeof errors,
): (context: Context) => string {
  return ({ oidc }) => {
    const metadata = oidc!.body!;
    if (switches.rejectsScopeInRegistration && metadata['scope'] !== undefined)
      throw new InvalidClientMetadata('scope is not supported');
    if (switches.registrationsWithDefaultScope > 0) {
      switches.registrationsWithDefaultScope--;
      metadata['scope'] = switches.defaultScope;
    }
    metadata['scope'] ??= switches.defaultScope;
    return randomUUID();
  };
}
