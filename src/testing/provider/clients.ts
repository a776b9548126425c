import { isLoopback } from '../../base/loopback.ts';
import { randomToken } from '../../base/random.ts';
import { formDecode } from '../../callback/parameters.ts';
import { json, ProviderError, type FakeProviderRequest, type Reply } from './exchange.ts';
import type { FakeClient } from './options.ts';

const authenticationMethods = ['none', 'client_secret_basic', 'client_secret_post'];

/** Client of a fake provider, with what it has registered. */
export interface KnownClient extends FakeClient {
  /** The one way in which it authenticates. Undefined for a client that is known from the start. */
  readonly authentication?: string;
  /** Its grant types. Undefined for a client that is known from the start: it may use all. */
  readonly grantTypes?: readonly string[];
}

/** Clients of a fake provider: those that it knows from the start, and those that have registered. */
export class Clients {
  readonly #clients: Map<string, KnownClient>;

  constructor(known: readonly FakeClient[]) {
    this.#clients = new Map(known.map((client) => [client.clientId, client]));
  }

  find(clientId: string | undefined): KnownClient | undefined {
    return clientId === undefined ? undefined : this.#clients.get(clientId);
  }

  /** Finds the client that sends a request and checks its secret. @throws ProviderError if it is unknown or proves nothing. */
  authenticate({ headers, parameters }: FakeProviderRequest): KnownClient {
    const basic = basicOf(headers.authorization);
    // A parameter without a value counts as left out.
    const { client_id: id, client_secret: formSecret } = parameters;
    const [clientId, secret] = basic ?? [id, formSecret || undefined];
    if (basic && formSecret)
      throw new ProviderError('invalid_request', 'the client must authenticate in one way only');
    const client = this.find(clientId);
    if (!client || (id && id !== clientId)) throw unauthenticated('the client is unknown');
    if (secret !== client.clientSecret) throw unauthenticated('the client secret is missing or wrong');
    const used = basic ? 'client_secret_basic' : secret === undefined ? 'none' : 'client_secret_post';
    if (client.authentication !== undefined && client.authentication !== used)
      throw unauthenticated(`the client has registered ${client.authentication}`);
    return client;
  }

  /** Registers a client from its metadata. @see RFC 7591 section 3 */
  register({ body, headers }: Pick<FakeProviderRequest, 'body' | 'headers'>): Reply {
    const metadata = metadataOf(body, headers['content-type']);
    const {
      redirect_uris: redirectUris = [],
      token_endpoint_auth_method: method = 'client_secret_basic',
      grant_types: grantTypes = ['authorization_code'],
      response_types: responseTypes = ['code'],
    } = metadata;
    if (!isListOf(grantTypes, (each) => each !== ''))
      throw new ProviderError('invalid_client_metadata', 'grant_types must be a list of texts');
    const needsRedirect = grantTypes.includes('authorization_code');
    if (!isListOf(redirectUris, isRedirectUri) || (needsRedirect && redirectUris.length === 0))
      throw new ProviderError(
        'invalid_redirect_uri',
        'redirect_uris must be a list of http and https URLs without fragments',
      );
    if (!authenticationMethods.includes(String(method)))
      throw new ProviderError('invalid_client_metadata', 'token_endpoint_auth_method is not supported');
    const clientSecret = method === 'none' ? undefined : randomToken();
    const clientId = `registered-${randomToken(6)}`;
    this.#clients.set(clientId, {
      clientId,
      redirectUris,
      grantTypes,
      authentication: String(method),
      ...(clientSecret !== undefined && { clientSecret }),
    });
    return json(201, {
      ...metadata,
      redirect_uris: redirectUris,
      grant_types: grantTypes,
      response_types: responseTypes,
      client_id: clientId,
      client_id_issued_at: Math.floor(Date.now() / 1_000),
      token_endpoint_auth_method: method,
      ...(clientSecret !== undefined && { client_secret: clientSecret, client_secret_expires_at: 0 }),
    });
  }
}

/** Tells if a client may use a grant type. */
export function mayUse({ grantTypes }: KnownClient, grantType: string): boolean {
  return grantTypes === undefined || grantTypes.includes(grantType);
}

/**
 * Tells if a client may use a redirect URI: exactly one of its own, or one that differs from it in a loopback port only.
 *
 * @see RFC 9700 section 4.1.3
 */
export function mayRedirectTo({ redirectUris }: FakeClient, redirectUri: string): boolean {
  if (!isRedirectUri(redirectUri)) return false;
  const comparable = withoutLoopbackPort(redirectUri);
  return redirectUris === undefined || redirectUris.some((each) => withoutLoopbackPort(each) === comparable);
}

/** Tells if a text is a URL that a redirect URI may be. @see RFC 6749 section 3.1.2 */
function isRedirectUri(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && !text.includes('#');
}

/** Removes the port of a loopback URI, and changes nothing else, as URIs are compared by their characters. */
function withoutLoopbackPort(redirectUri: string): string {
  if (!URL.canParse(redirectUri) || !isLoopback(new URL(redirectUri).hostname)) return redirectUri;
  return redirectUri.replace(/^(http:\/\/[^/?]*?):\d*(?=[/?]|$)/, '$1');
}

function unauthenticated(description: string): ProviderError {
  return new ProviderError('invalid_client', description, 401);
}

/** Reads client id and secret, which are form-encoded. @throws ProviderError for another scheme. @see RFC 6749 section 2.3.1 */
function basicOf(authorization: string | undefined): [id: string, secret: string] | undefined {
  if (authorization === undefined) return undefined;
  const encoded = /^Basic ([\w+/=-]+)$/i.exec(authorization)?.[1];
  if (encoded === undefined) throw unauthenticated('the header Authorization must be of the scheme Basic');
  const [, id = '', secret = ''] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? [];
  // Some clients do not encode.
  return [formDecode(id) ?? id, formDecode(secret) ?? secret];
}

function metadataOf(body: string, contentType = ''): Record<string, unknown> {
  if (!/^application\/json\b/i.test(contentType))
    throw new ProviderError('invalid_client_metadata', 'the Content-Type must be application/json');
  try {
    const metadata: unknown = JSON.parse(body);
    if (typeof metadata === 'object' && metadata !== null) return metadata as Record<string, unknown>;
  } catch {
    // Reported below.
  }
  throw new ProviderError('invalid_client_metadata', 'the body must be a JSON object');
}

function isListOf(value: unknown, fits: (each: string) => boolean): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string' && fits(each));
}
