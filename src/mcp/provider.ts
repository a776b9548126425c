import { withoutUndefined } from '../base/without-undefined.ts';
import { authentication } from '../login/client.ts';
import { loadOpenId } from '../login/openid-client.ts';
import type { Fetch } from '../login/requests.ts';
import type { ServerMetadata } from '../login/server-metadata.ts';
import { Tokens } from '../login/tokens.ts';
import { challengeBy } from './asked-server.ts';
import type { Challenge } from './challenge.ts';
import { secretOf } from './clients.ts';
import type { ClientRecord } from './credentials.ts';
import type { Need } from './need.ts';
import { passedOn } from './passed-on.ts';
import { includesScopes, unionOf } from './scopes.ts';
import type { ServerSession } from './session.ts';

/** The members of an `OAuthClientProvider` that both MCP SDKs call. */
export interface McpOAuthProvider {
  /** Undefined: the SDK never sends a browser anywhere itself. */
  readonly redirectUrl: undefined;
  readonly clientMetadata: { client_name: string; redirect_uris: string[] };
  clientInformation(): { client_id: string; client_secret?: string; issuer: string } | undefined;
  /** Signs in if that is needed. Has no refresh token, so that the SDK does not refresh by itself. */
  tokens(): Promise<{ access_token: string; token_type: string; issuer: string } | undefined>;
  saveTokens(tokens: ProviderTokens): Promise<void>;
  redirectToAuthorization(): never;
  saveCodeVerifier(): void;
  codeVerifier(): never;
  discoveryState(): Promise<ProviderDiscovery>;
  invalidateCredentials(scope: string): Promise<void>;
  prepareTokenRequest(scope?: string): Promise<URLSearchParams>;
  readonly addClientAuthentication: (headers: Headers, parameters: URLSearchParams) => Promise<void>;
}

/** Tokens as both SDKs have them. */
export interface ProviderTokens {
  access_token: string;
  token_type: string;
  expires_in?: number | undefined;
  refresh_token?: string | undefined;
  scope?: string | undefined;
}

/** Facts that an SDK need not find out again. */
export interface ProviderDiscovery {
  authorizationServerUrl: string;
  authorizationServerMetadata: {
    issuer: string;
    authorization_endpoint: string;
    token_endpoint: string;
    response_types_supported: string[];
  };
  resourceMetadata?: { resource: string; authorization_servers: string[] };
}

// An SDK that gets an answer saves it at once; one that gets none does not say so.
const requestTimeoutMs = 10_000;

/**
 * Provider for programs that take nothing else. The session signs in; the SDK only refreshes, because its flow must end with a
 * token request of its own. Those requests are made one after another, with the newest refresh token.
 */
export class SessionProvider implements McpOAuthProvider {
  readonly redirectUrl = undefined;
  readonly clientMetadata: McpOAuthProvider['clientMetadata'];
  readonly #session: ServerSession;
  readonly #need: Omit<Need, 'challenge'>;
  readonly #fetch: Fetch;
  #rejected: { readonly token: string | undefined; readonly moment: number } = {
    token: undefined,
    moment: 0,
  };
  #endRequest: () => void = () => undefined;

  constructor(session: ServerSession, clientName: string, need: Omit<Need, 'challenge'>, fetch: Fetch) {
    this.clientMetadata = { client_name: clientName, redirect_uris: [] };
    this.#session = session;
    this.#need = need;
    this.#fetch = fetch;
  }

  clientInformation(): ReturnType<McpOAuthProvider['clientInformation']> {
    const { credentials } = this.#session;
    if (!credentials) return undefined;
    const { client_id, client_secret } = credentials.client;
    const { issuer } = credentials.tokens;
    return { client_id, ...(client_secret !== undefined && { client_secret }), issuer };
  }

  async tokens(): ReturnType<McpOAuthProvider['tokens']> {
    try {
      await this.#session.load();
      await this.#session.refreshAhead(this.#need);
      if (!this.#session.credentials) {
        this.#seen();
        const challenge = await challengeBy(this.#session.server, this.#fetch);
        if (challenge) await this.#renew(challenge);
      }
    } catch (error) {
      throw passedOn(error);
    }
    const { credentials } = this.#session;
    if (!credentials) return undefined;
    const { access_token, token_type, issuer } = credentials.tokens;
    return { access_token, token_type, issuer };
  }

  /** Called by an SDK before it does anything about a 401 or 403. Spares it the discovery. */
  async discoveryState(): Promise<ProviderDiscovery> {
    await this.#session.load();
    this.#seen();
    if (!this.#session.credentials)
      await this.#renew((await challengeBy(this.#session.server, this.#fetch)) ?? {});
    const { credentials } = this.#session;
    if (!credentials) throw this.#unauthorized();
    const { issuer, resource } = credentials.tokens;
    const { metadata } = await this.#session.authorizationServer(credentials);
    const { authorization_endpoint = '', token_endpoint = '' } = metadata;
    const [name] = resource;
    return {
      authorizationServerUrl: issuer,
      authorizationServerMetadata: {
        issuer,
        authorization_endpoint,
        token_endpoint,
        response_types_supported: ['code'],
      },
      ...(name !== undefined && { resourceMetadata: { resource: name, authorization_servers: [issuer] } }),
    };
  }

  async prepareTokenRequest(scope?: string): Promise<URLSearchParams> {
    const { credentials } = this.#session;
    const isStepUp = credentials !== undefined && lacks(credentials.asked, credentials.tokens.scope, scope);
    // An SDK does not say that its token request failed, so that others would wait for it. This one fails for all at once.
    await this.#renew(scope === undefined ? {} : { scope }, isStepUp);
    await this.#beginRequest();
    const { refresh_token } = this.#session.credentials?.tokens ?? {};
    if (refresh_token === undefined) {
      this.#endRequest();
      throw this.#unauthorized();
    }
    return new URLSearchParams({ grant_type: 'refresh_token', refresh_token });
  }

  /** A sign-in may have registered another client than the one that the SDK has read. An SDK calls it as a function. */
  readonly addClientAuthentication = async (headers: Headers, parameters: URLSearchParams): Promise<void> => {
    const { credentials } = this.#session;
    if (!credentials) return;
    const { client } = credentials;
    const { metadata } = await this.#session.authorizationServer(credentials);
    await authenticate(client, metadata, headers, parameters);
  };

  async saveTokens(given: ProviderTokens): Promise<void> {
    const { credentials } = this.#session;
    const { expires_in, ...rest } = withoutUndefined(given);
    if (credentials) {
      const { issuer, client_id, ...before } = credentials.tokens.toDict();
      const expires_at = expires_in === undefined ? undefined : Math.floor(Date.now() / 1_000) + expires_in;
      const fields = { ...before, ...rest, issuer, client_id, expires_in, expires_at };
      await this.#session.adopt(Tokens.fromDict(withoutUndefined(fields)));
    }
    this.#endRequest();
  }

  /** Called by an SDK whose token request was rejected. */
  async invalidateCredentials(scope: string): Promise<void> {
    if (scope === 'all' || scope === 'tokens') await this.#session.drop();
    this.#endRequest();
  }

  redirectToAuthorization(): never {
    throw new Error('the SDK must not send a browser anywhere');
  }

  saveCodeVerifier(): void {
    // Only the flow of an SDK that redirects by itself has one.
  }

  codeVerifier(): never {
    throw new Error('the SDK has redirected nobody');
  }

  /** Remembers the token that an SDK is about to replace. */
  #seen(): void {
    const { held, moment } = this.#session;
    this.#rejected = { token: held?.credentials.tokens.access_token, moment };
  }

  async #renew(challenge: Challenge, isStepUp = false): Promise<void> {
    const { token, moment } = this.#rejected;
    await this.#session.renew(token, { ...this.#need, challenge, isStepUp }, moment);
  }

  /** Waits until no other token request is under way. */
  #beginRequest(): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = (): Promise<void> =>
        new Promise((end) => {
          const timer = setTimeout(end, requestTimeoutMs).unref();
          this.#endRequest = () => {
            clearTimeout(timer);
            end();
          };
          resolve();
        });
      this.#session.exclusively(request).catch(reject);
    });
  }

  #unauthorized(): Error {
    const error = new Error(`the tokens for ${this.#session.server} are new; send the request again`);
    // As that of both SDKs is called.
    error.name = 'UnauthorizedError';
    return error;
  }
}

/** Tells if a token lacks scopes that were not asked for yet. SDKs add `offline_access` by themselves. */
function lacks(asked: string | undefined, granted: string | undefined, scope: string | undefined): boolean {
  return !includesScopes(unionOf(asked, granted, 'offline_access'), scope);
}

async function authenticate(
  { client_id, ...rest }: ClientRecord,
  metadata: ServerMetadata,
  headers: Headers,
  parameters: URLSearchParams,
): Promise<void> {
  const { clientSecret, clientAuthentication } = secretOf(rest);
  const prove = authentication(await loadOpenId(), metadata, clientSecret, clientAuthentication);
  prove(metadata as Parameters<typeof prove>[0], { client_id }, parameters, headers);
}
