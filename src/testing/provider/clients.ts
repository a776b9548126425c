import { isLoopback } from '../../base/loopback.ts';
import { randomToken } from '../../base/random.ts';
import { formDecode } from '../../callback/parameters.ts';
import { json, ProviderError, type FakeProviderRequest, type Reply } from './exchange.ts';
import type { FakeClient } from './options.ts';

const authenticationMethods = ['none', 'client_secret_basic', 'client_secret_post'];

/** Clients of a fake provider: those that it knows from the start, and those that have registered. */
export class Clients {
  readonly #clients: Map<string, FakeClient>;

  constructor(known: readonly FakeClient[]) {
    this.#clients = new Map(known.map((client) => [client.clientId, client]));
  }

  find(clientId: string | undefined): FakeClient | undefined {
    return clientId === undefined ? undefined : this.#clients.get(clientId);
  }

  /** Finds the client that sends a request and checks its secret. @throws ProviderError if it is unknown or proves nothing. */
  authenticate({ headers, parameters }: FakeProviderRequest): FakeClient {
    const [clientId, secret] = basicOf(headers.authorization) ?? [
      parameters['client_id'],
      parameters['client_secret'],
    ];
    const client = this.find(clientId);
    if (!client) throw new ProviderError('invalid_client', 'the client is unknown', 401);
    if (secret !== client.clientSecret)
      throw new ProviderError('invalid_client', 'the client secret is missing or wrong', 401);
    return client;
  }

  /** Registers a client from its metadata. @see RFC 7591 section 3 */
  register(body: string): Reply {
    const metadata = metadataOf(body);
    const { redirect_uris: redirectUris, token_endpoint_auth_method: method = 'client_secret_basic' } =
      metadata;
    if (!isListOfUrls(redirectUris))
      throw new ProviderError('invalid_redirect_uri', 'redirect_uris must be a list of URLs');
    if (!authenticationMethods.includes(String(method)))
      throw new ProviderError('invalid_client_metadata', 'token_endpoint_auth_method is not supported');
    const clientSecret = method === 'none' ? undefined : randomToken();
    const clientId = `registered-${randomToken(6)}`;
    this.#clients.set(clientId, {
      clientId,
      redirectUris,
      ...(clientSecret !== undefined && { clientSecret }),
    });
    return json(201, {
      ...metadata,
      client_id: clientId,
      client_id_issued_at: Math.floor(Date.now() / 1_000),
      token_endpoint_auth_method: method,
      ...(clientSecret !== undefined && { client_secret: clientSecret, client_secret_expires_at: 0 }),
    });
  }
}

/** Tells if a client may use a redirect URI: one of its own, or one that differs from it in a loopback port only. */
export function mayRedirectTo({ redirectUris }: FakeClient, redirectUri: string): boolean {
  const url = URL.canParse(redirectUri) ? new URL(redirectUri) : undefined;
  // RFC 6749 section 3.1.2 forbids a fragment.
  if (!url || !/^https?:$/.test(url.protocol) || url.hash !== '') return false;
  const comparable = withoutLoopbackPort(redirectUri);
  return redirectUris === undefined || redirectUris.some((each) => withoutLoopbackPort(each) === comparable);
}

function withoutLoopbackPort(redirectUri: string): string {
  if (!URL.canParse(redirectUri)) return redirectUri;
  const url = new URL(redirectUri);
  if (url.protocol === 'http:' && isLoopback(url.hostname)) url.port = '';
  return url.href;
}

/** Reads client id and secret, which are form-encoded. @see RFC 6749 section 2.3.1 */
function basicOf(authorization: string | undefined): [id: string, secret: string] | undefined {
  const encoded = /^Basic ([\w+/=-]+)$/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const [, id = '', secret = ''] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? [];
  // Some clients do not encode.
  return [formDecode(id) ?? id, formDecode(secret) ?? secret];
}

function metadataOf(body: string): Record<string, unknown> {
  try {
    const metadata: unknown = JSON.parse(body);
    if (typeof metadata === 'object' && metadata !== null) return metadata as Record<string, unknown>;
  } catch {
    // Reported below.
  }
  throw new ProviderError('invalid_client_metadata', 'the body must be a JSON object');
}

function isListOfUrls(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((each) => URL.canParse(String(each)));
}
