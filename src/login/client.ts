import type { ClientAuth, Configuration } from 'openid-client';
import { RegistrationError } from './errors.ts';
import type { ServerMetadata } from './metadata.ts';
import { allowLoopback, fetchUntil, loadOpenId, refusalOf, type OpenId } from './openid-client.ts';
import type { ClientOptions, SignInOptions } from './options.ts';

/** The program as the authorization server knows it. */
export interface Client {
  id: string;
  secret: string | undefined;
  /** Set where the authorization server has just made it. */
  registered?: true;
  /** How the peer is to make requests that end with the signal. */
  configure: (signal: AbortSignal) => Configuration;
}

export type KnownClient = ClientOptions & { clientId: string };

/** The client of the options, or one that is registered for this redirect URI. Rejects with `RegistrationError`. */
export async function clientOf(
  options: SignInOptions,
  metadata: ServerMetadata,
  redirectUri: string,
  signal: AbortSignal,
): Promise<Client> {
  const openid = await loadOpenId();
  const { clientId } = options;
  if (clientId !== undefined) return knownClient(openid, { ...options, clientId }, metadata);
  return register(openid, options, metadata, redirectUri, signal);
}

export function knownClient(openid: OpenId, options: KnownClient, metadata: ServerMetadata): Client {
  const { clientId, clientSecret, clientAuthentication, fetch } = options;
  const auth = authentication(openid, metadata, clientSecret, clientAuthentication);
  return {
    id: clientId,
    secret: clientSecret,
    configure: (signal) =>
      configure(openid, new openid.Configuration(asPeer(metadata), clientId, undefined, auth), signal, fetch),
  };
}

async function register(
  openid: OpenId,
  { clientName = 'rx-oauth-callback', scope, fetch = globalThis.fetch }: SignInOptions,
  metadata: ServerMetadata,
  redirectUri: string,
  signal: AbortSignal,
): Promise<Client> {
  const { issuer, registration_endpoint, grant_types_supported } = metadata;
  if (registration_endpoint === undefined)
    throw new RegistrationError(issuer, `the issuer ${issuer} registers no clients; a client id is needed`);
  const grants = ['authorization_code', 'refresh_token'];
  const asked = {
    client_name: clientName,
    application_type: redirectUri.startsWith('https:') ? 'web' : 'native',
    redirect_uris: [redirectUri],
    response_types: ['code'],
    grant_types: grant_types_supported
      ? grants.filter((grant) => grant_types_supported.includes(grant))
      : grants,
    token_endpoint_auth_method: 'none',
    ...(scope !== undefined && { scope }),
  };
  const known = fetchUntil(signal, fetch);
  // The peer would discover once more, and might be told otherwise.
  const place = new URL(`${new URL(issuer).origin}/.well-known/openid-configuration`);
  try {
    const made = await openid.dynamicClientRegistration(place, asked, undefined, {
      [openid.customFetch]: (url, init) =>
        url === place.href && init.method === 'GET'
          ? Promise.resolve(Response.json(metadata))
          : known(url, init),
      execute: [allowLoopback(openid)],
    });
    const client = made.clientMetadata();
    const method = client['token_endpoint_auth_method'];
    const auth = authentication(
      openid,
      metadata,
      client.client_secret,
      typeof method === 'string' ? method : undefined,
    );
    return {
      id: client.client_id,
      secret: client.client_secret,
      registered: true,
      configure: (until) =>
        configure(
          openid,
          new openid.Configuration(asPeer(metadata), client.client_id, client, auth),
          until,
          fetch,
        ),
    };
  } catch (error) {
    const { reason, unanswered } = refusalOf(openid, error);
    throw new RegistrationError(issuer, `the registration endpoint of ${issuer} ${reason}`, unanswered);
  }
}

function configure(
  openid: OpenId,
  configuration: Configuration,
  signal: AbortSignal,
  fetch = globalThis.fetch as NonNullable<ClientOptions['fetch']>,
): Configuration {
  configuration[openid.customFetch] = fetchUntil(signal, fetch);
  const { token_endpoint = '', jwks_uri } = configuration.serverMetadata();
  if (token_endpoint.startsWith('http:')) {
    allowLoopback(openid)(configuration);
    // Without TLS, it is the signature that says whose an ID token is.
    if (jwks_uri !== undefined) openid.enableNonRepudiationChecks(configuration);
  }
  return configuration;
}

/** @see RFC 8414 section 2: a server that does not say takes `client_secret_basic` */
function authentication(
  openid: OpenId,
  { token_endpoint_auth_methods_supported: methods = ['client_secret_basic'] }: ServerMetadata,
  secret: string | undefined,
  method = methods.includes('client_secret_basic') ? 'client_secret_basic' : 'client_secret_post',
): ClientAuth {
  if (secret === undefined || method === 'none') return openid.None();
  return method === 'client_secret_post' ? openid.ClientSecretPost(secret) : openid.ClientSecretBasic(secret);
}

/** The peer's type says of each field what we leave to it to find out. */
function asPeer(metadata: ServerMetadata): ConstructorParameters<OpenId['Configuration']>[0] {
  return metadata as ConstructorParameters<OpenId['Configuration']>[0];
}
