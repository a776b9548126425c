/** The part of an authorization server that sees what `oidc-provider` answers, and changes some of it. */
import { decodeJwt } from 'jose';
import type { Context, Provider } from 'oidc-provider';
import type { Records } from './records.ts';
import type { AuthorizationServerSwitches } from './switches.ts';

export function observe(provider: Provider, switches: AuthorizationServerSwitches, records: Records): void {
  listen(provider, records);
  const { Client } = provider;
  const find = Client.find.bind(Client);
  Client.find = async (id) => (records.forgotten.has(id) ? undefined : find(id));
  provider.use(async (context, next) => {
    await next();
    const { oidc } = context;
    if (oidc?.route === 'discovery') context.body = { ...(context.body as object), ...switches.metadata };
    if (oidc?.route === 'registration' && context.status === 201)
      records.registered.add((context.body as { client_id: string }).client_id);
    if (oidc?.route === 'token') records.countToken(oidc.params?.['grant_type']);
    if (oidc?.route === 'revocation') revokeJwt(context, records);
    replaceIss(context, switches.iss);
  });
}

function listen(provider: Provider, { counts, log, accessTokens, used, grants }: Records): void {
  for (const event of ['grant.error', 'authorization.error', 'registration_create.error'] as const)
    provider.on(event, (_context, { error, error_description = '', error_detail = '' }) => {
      log.push(`${event.replace('.error', '')}: ${error}, ${error_description}, ${error_detail}`);
    });
  provider.on('server_error', (_context, error) => log.push(`server error: ${String(error.stack)}`));
  provider.on('grant.error', ({ oidc }) => {
    if (used.has(oidc?.params?.['refresh_token'] ?? '')) counts.refreshReuse++;
  });
  provider.on('access_token.issued', ({ jti, aud }) => accessTokens.add(jti, aud));
  provider.on('refresh_token.saved', ({ grantId }) => grants.add(grantId));
  provider.on('refresh_token.consumed', ({ jti }) => used.add(jti));
}

/** Revokes an access token that is a JWT, which the provider itself rejects once it has authenticated the client. */
function revokeJwt(context: Context, { counts, accessTokens }: Records): void {
  const { error } = (context.body ?? {}) as { error?: string };
  if (error === 'unsupported_token_type') {
    accessTokens.revoke(decodeJwt(context.oidc!.params!['token']!).jti!);
    context.status = 200;
    context.body = '';
  }
  if (context.status === 200) counts.revoked++;
}

/** Replaces `iss` in a redirect to a client, if the redirect has one. */
function replaceIss({ response }: Context, iss: string | undefined): void {
  const location = response.get('Location');
  if (!URL.canParse(location)) return;
  const url = new URL(location);
  const given = url.searchParams.get('iss');
  if (given === null || given === iss) return;
  if (iss === undefined) url.searchParams.delete('iss');
  else url.searchParams.set('iss', iss);
  response.set('Location', url.href);
}
