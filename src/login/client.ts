import type { ClientAuth, ClientMetadata, Configuration, DPoPHandle, DPoPOptions } from 'openid-client';
import { keysAnswer, registrationAnswer, tokenAnswer } from './answers.ts';
import { configurationOf, type ConfiguredClient } from './configuration.ts';
import { DpopKey } from './dpop-key.ts';
import { RegistrationError } from './errors.ts';
import { formEncoded } from './form-encoding.ts';
import { allowLoopback, loadOpenId, type OpenId } from './openid-client.ts';
import type { ClientOptions, ReadSignInOptions } from './options.ts';
import { refusalOf, type Refusal } from './refusals.ts';
import { fetchUntil, type Fetch, type ReadAnswer } from './requests.ts';
import { deviceGrant, listOf, type ServerMetadata } from './server-metadata.ts';

/** This program as a client of the authorization server. */
export interface Client {
  id: string;
  secret: string | undefined;
  /** The client's metadata, if this sign-in has registered it. */
  registration?: ClientMetadata;
  /** Key that the tokens are bound to. */
  dpop: DpopKey | undefined;
  /** Resolves with the options of openid-client that prove the key, with the nonces of earlier answers. */
  proof: (configuration: Configuration) => Promise<DPoPOptions>;
  /** True if the server has registered the client as one that pushes its authorization requests. */
  pushes?: boolean;
  /**
   * Resolves with the configuration for requests of openid-client that end with the signal.
   *
   * @param read Reads the answers to POST requests. @default tokenAnswer
   */
  configure: (signal: AbortSignal, read?: ReadAnswer) => Promise<Configuration>;
}

export type KnownClient = ClientOptions & { issuer: string; clientId: string; dpop?: DpopKey | undefined };

/** Resolves with the client of a sign-in, once its redirect URI is known. */
export type ClientSource = (
  options: ReadSignInOptions,
  metadata: ServerMetadata,
  /** Undefined if the sign-in expects no redirect. */
  redirectUri: string | undefined,
  signal: AbortSignal,
) => Promise<Client>;

/** Resolves with the client of the options, or registers one for this redirect URI. Rejects with `RegistrationError`. */
export const clientOf: ClientSource = async (options, metadata, redirectUri, signal) => {
  const openid = await loadOpenId();
  const { clientMetadataUrl } = options;
  // Undefined or false: the server would take the URL for the id of a client that it does not know.
  const hasDocument = metadata.client_id_metadata_document_supported === true;
  const clientId = options.clientId ?? (hasDocument ? clientMetadataUrl : undefined);
  const dpop = options.dpop === true ? DpopKey.generate() : options.dpop || undefined;
  if (clientId !== undefined) return knownClient(openid, { ...options, clientId, dpop }, metadata);
  return register(openid, { ...options, dpop }, metadata, redirectUri, signal);
};

export function knownClient(openid: OpenId, options: KnownClient, metadata: ServerMetadata): Client {
  const { issuer, clientId: id, clientSecret, clientAuthentication, dpop, fetch } = options;
  const auth = authentication(openid, metadata, clientSecret, clientAuthentication);
  return {
    id,
    secret: clientSecret,
    ...proving(openid, dpop),
    configure: configurator(openid, metadata, issuer, { id, auth }, fetch),
  };
}

/** Options of a registration. */
export interface Registering extends Omit<ReadSignInOptions, 'dpop'> {
  dpop: DpopKey | undefined;
  /** Further fields to register. They do not replace those that the sign-in depends on. */
  clientMetadata?: Readonly<Record<string, unknown>> | undefined;
}

function proving(openid: OpenId, dpop: DpopKey | undefined): Pick<Client, 'dpop' | 'proof'> {
  let handle: DPoPHandle | undefined;
  const proof: Client['proof'] = async (configuration) => {
    if (!dpop) return {};
    return { DPoP: (handle ??= openid.getDPoPHandle(configuration, await dpop.keyPair())) };
  };
  return { dpop, proof };
}

/** Registers a client. Rejects with `RegistrationError`. */
export async function register(
  openid: OpenId,
  options: Registering,
  metadata: ServerMetadata,
  redirectUri: string | undefined,
  signal: AbortSignal,
): Promise<Client> {
  const { registration_endpoint } = metadata;
  const { issuer, fetch } = options;
  if (registration_endpoint === undefined)
    throw new RegistrationError(
      issuer,
      options.clientMetadataUrl === undefined
        ? `the issuer ${issuer} does not register clients; a client id is required`
        : `the issuer ${issuer} has no client_id_metadata_document_supported in its metadata, and does not register clients; ` +
            'a client id is required',
    );
  try {
    const made = await send(openid, registrationOf(options, metadata, redirectUri), metadata, signal, fetch);
    return registeredClient(openid, made, metadata, options);
  } catch (error) {
    const { reason, unanswered } = refusalOf(openid, error);
    throw new RegistrationError(issuer, `the registration endpoint of ${issuer} ${reason}`, unanswered);
  }
}

/** Registers, once more without `scope` if the server rejects that: it may still grant the scope at the sign-in. */
async function send(
  openid: OpenId,
  registration: Partial<ClientMetadata>,
  metadata: ServerMetadata,
  signal: AbortSignal,
  fetch: Fetch = globalThis.fetch,
): Promise<ClientMetadata> {
  // openid-client would discover the server again, perhaps with another result. It gets the checked metadata instead.
  const place = new URL(`${new URL(metadata.issuer).origin}/.well-known/openid-configuration`);
  const request = fetchUntil(signal, fetch, registrationAnswer);
  try {
    const made = await openid.dynamicClientRegistration(place, registration, undefined, {
      [openid.customFetch]: (url, init) =>
        url === place.href && init.method === 'GET'
          ? Promise.resolve(Response.json(metadata))
          : request(url, init),
      execute: [allowLoopback(openid)],
    });
    return made.clientMetadata();
  } catch (error) {
    const { scope, ...withoutScope } = registration;
    if (scope === undefined || !mayConcernScope(refusalOf(openid, error))) throw error;
    return send(openid, withoutScope, metadata, signal, fetch);
  }
}

// Statuses of a rejection that has nothing to do with what was sent.
const unrelatedStatuses = [401, 404, 405, 408, 410, 425, 429];
// @see RFC 7591 section 3.2.2
const unrelatedErrors = [
  'invalid_redirect_uri',
  'invalid_software_statement',
  'unapproved_software_statement',
];

/** Tells if a registration may have been rejected for its scope. Servers use several codes for that, or none. */
function mayConcernScope({ status = 0, error = '' }: Refusal): boolean {
  const isRejection = status >= 400 && status < 500 && !unrelatedStatuses.includes(status);
  return isRejection && !unrelatedErrors.includes(error);
}

/** The client metadata to register. @see RFC 7591 section 2 */
function registrationOf(
  { clientName = 'rx-oauth-callback', scope, device, dpop, clientMetadata = {} }: Registering,
  metadata: ServerMetadata,
  redirectUri: string | undefined,
): Partial<ClientMetadata> {
  const redirected = redirectUri === undefined ? [] : [redirectUri];
  const grants = [...redirected.map(() => 'authorization_code'), 'refresh_token'];
  // A server that does not list its grants may reject a registration for this one.
  const supported = listOf(metadata.grant_types_supported ?? grants);
  const usesDevice = device !== 'never' && metadata.device_authorization_endpoint !== undefined;
  if (usesDevice || redirectUri === undefined) grants.push(deviceGrant);
  return {
    ...(clientMetadata as Partial<ClientMetadata>),
    client_name: clientName,
    application_type: redirectUri?.startsWith('https:') ? 'web' : 'native',
    redirect_uris: redirected,
    response_types: redirected.map(() => 'code'),
    grant_types: grants.filter((grant) => supported.includes(grant) || redirectUri === undefined),
    token_endpoint_auth_method: 'none',
    ...(dpop && { dpop_bound_access_tokens: true }),
    ...(scope !== undefined && { scope }),
  };
}

function registeredClient(
  openid: OpenId,
  registered: ClientMetadata,
  metadata: ServerMetadata,
  { issuer, dpop, fetch }: Registering,
): Client {
  const { client_id: id, client_secret: secret, token_endpoint_auth_method: method } = registered;
  const auth = authentication(openid, metadata, secret, typeof method === 'string' ? method : undefined);
  return {
    id,
    secret,
    registration: registered,
    ...proving(openid, dpop),
    pushes: registered['require_pushed_authorization_requests'] === true,
    configure: configurator(openid, metadata, issuer, { id, auth, registered }, fetch),
  };
}

function configurator(
  openid: OpenId,
  metadata: ServerMetadata,
  issuer: string,
  client: ConfiguredClient,
  fetch: Fetch = globalThis.fetch,
): Client['configure'] {
  return async (signal, read = tokenAnswer) => {
    const configuration = await configurationOf(openid, metadata, issuer, client);
    const post = fetchUntil(signal, fetch, read);
    const requestKeys = fetchUntil(signal, fetch, keysAnswer);
    configuration[openid.customFetch] = (url, init) =>
      init.method === 'POST' ? post(url, init) : requestKeys(url, init);
    // Without TLS, only the signature proves which server has issued an ID token. Without keys, there is no proof.
    if (metadata.token_endpoint?.startsWith('http:')) openid.enableNonRepudiationChecks(configuration);
    return configuration;
  };
}

/**
 * Returns the way in which a client proves itself to the token endpoint.
 *
 * @see RFC 8414 section 2: the default is `client_secret_basic`
 */
export function authentication(
  openid: OpenId,
  { token_endpoint_auth_methods_supported: methods = ['client_secret_basic'] }: ServerMetadata,
  secret: string | undefined,
  method = listOf(methods).includes('client_secret_basic') ? 'client_secret_basic' : 'client_secret_post',
): ClientAuth {
  if (secret === undefined || method === 'none') return openid.None();
  return method === 'client_secret_post' ? openid.ClientSecretPost(secret) : basic(secret);
}

/**
 * Authenticates like `ClientSecretBasic` of openid-client, which also encodes `-`, `_` and `.`. Many servers do not decode, and
 * would compare the encoded secret.
 *
 * @see RFC 6749 section 2.3.1 and appendix B
 */
function basic(secret: string): ClientAuth {
  return (_server, { client_id }, _body, headers) => {
    headers.set('authorization', `Basic ${btoa(`${formEncoded(client_id)}:${formEncoded(secret)}`)}`);
  };
}
