import { knownClient, register, type Client } from '../login/client.ts';
import { loadOpenId } from '../login/openid-client.ts';
import type { ClientOptions, ReadSignInOptions } from '../login/options.ts';
import type { Fetch } from '../login/requests.ts';
import { listOf, type ServerMetadata } from '../login/server-metadata.ts';
import { clientIn, type ClientRecord } from './credentials.ts';
import type { GivenClient, ReadOptions } from './options.ts';
import { includesScopes, unionOf } from './scopes.ts';
import { clientKey, unreadable, type Vault } from './vault.ts';

/** How a client is known to its authorization server. */
export type ClientOrigin = 'given' | 'document' | 'kept' | 'registered' | 'registered_again';

/** A client that a sign-in uses. */
export interface ChosenClient {
  readonly client: Client;
  readonly record: ClientRecord;
  readonly how: ClientOrigin;
}

/** Purpose of a registration. */
export interface Wanted {
  readonly redirectUri: string;
  /** Scopes that the sign-in requests, separated by spaces. */
  readonly scope: string | undefined;
  /** Further scopes that the server names, so that a later request for them needs no other registration. */
  readonly further: string | undefined;
  /** Id of a registration that the authorization server has rejected. */
  readonly rejected: string | undefined;
}

/** Chooses clients, and registers one for each issuer and redirect URI. */
export class Clients {
  readonly #options: ReadOptions;
  readonly #vault: Vault;
  readonly #fetch: Fetch;

  constructor(options: ReadOptions, vault: Vault, fetch: Fetch) {
    this.#options = options;
    this.#vault = vault;
    this.#fetch = fetch;
  }

  /** Returns the client that needs no registration; undefined if there is none. */
  unregistered(
    given: GivenClient | undefined,
    metadata: ServerMetadata,
  ): Pick<ChosenClient, 'record' | 'how'> | undefined {
    const { clientMetadataUrl } = this.#options;
    if (given && isOfIssuer(given.issuer, metadata.issuer)) {
      const { id, secret, authentication } = given;
      return {
        record: {
          client_id: id,
          ...(secret !== undefined && { client_secret: secret }),
          ...(authentication && { token_endpoint_auth_method: authentication }),
        },
        how: 'given',
      };
    }
    if (clientMetadataUrl === undefined || !takesDocuments(metadata)) return undefined;
    return {
      record: { client_id: clientMetadataUrl, token_endpoint_auth_method: 'none' },
      how: 'document',
    };
  }

  /** Resolves with the kept registration for an issuer and a redirect URI, or a new one. Rejects with `RegistrationError`. */
  async registered(
    options: ReadSignInOptions,
    metadata: ServerMetadata,
    { redirectUri, scope, further, rejected }: Wanted,
    signal: AbortSignal,
  ): Promise<ChosenClient> {
    const key = clientKey(metadata.issuer, redirectUri);
    const { clientMetadata } = this.#options;
    // The others wait for this registration, and use it.
    const choose = async (): Promise<ChosenClient> => {
      const kept = await this.#kept(key);
      if (kept && kept.client_id !== rejected && covers(kept, scope))
        return { client: await this.clientOf(kept, metadata), record: kept, how: 'kept' };
      const all = unionOf(kept?.scope, scope, further);
      const asked = { ...options, ...(all !== undefined && { scope: all }), clientMetadata, dpop: undefined };
      const client = await register(await loadOpenId(), asked, metadata, redirectUri, signal);
      const record = recordOf(client, redirectUri, all);
      await this.#vault.set(key, record, clientIn);
      return { client, record, how: kept ? 'registered_again' : 'registered' };
    };
    return this.#vault.lock(key, choose, signal);
  }

  /** Forgets a registration that the authorization server has rejected. */
  async forget(issuer: string, { client_id, redirect_uri }: ClientRecord): Promise<void> {
    if (redirect_uri === undefined) return;
    const key = clientKey(issuer, redirect_uri);
    await this.#vault.lock(key, async () => {
      const kept = await this.#kept(key);
      if (kept?.client_id === client_id) await this.#vault.delete(key, clientIn);
    });
  }

  async #kept(key: string): Promise<ClientRecord | undefined> {
    const kept = await this.#vault.get(key, clientIn);
    return kept === unreadable ? undefined : kept;
  }

  async clientOf(record: ClientRecord, metadata: ServerMetadata): Promise<Client> {
    const { issuer } = metadata;
    const { client_id: clientId, ...rest } = record;
    return knownClient(
      await loadOpenId(),
      { issuer, clientId, ...secretOf(rest), fetch: this.#fetch },
      metadata,
    );
  }
}

/** Returns the options of `/login` by which a client proves itself. */
export function secretOf({
  client_secret: clientSecret,
  token_endpoint_auth_method: method,
}: Omit<ClientRecord, 'client_id'>): Pick<ClientOptions, 'clientSecret' | 'clientAuthentication'> {
  if (clientSecret === undefined || method === 'none') return {};
  const isKnown = method === 'client_secret_basic' || method === 'client_secret_post';
  return { clientSecret, ...(isKnown && { clientAuthentication: method }) };
}

/** Issuers of options are written by people, who copy them with or without the last slash. */
function isOfIssuer(given: string, issuer: string): boolean {
  return given === issuer || `${given}/` === issuer || given === `${issuer}/`;
}

/** A client with a document has no secret. A server that lists no methods says nothing about that. */
function takesDocuments(metadata: ServerMetadata): boolean {
  const { client_id_metadata_document_supported: supported, token_endpoint_auth_methods_supported: methods } =
    metadata;
  return supported === true && (methods === undefined || listOf(methods).includes('none'));
}

/** A registration without scopes may request any. */
function covers({ scope: registered }: ClientRecord, scope: string | undefined): boolean {
  return registered === undefined || includesScopes(registered, scope);
}

function recordOf(
  { id, registration }: Client,
  redirectUri: string,
  asked: string | undefined,
): ClientRecord {
  const {
    client_secret,
    token_endpoint_auth_method: method,
    scope,
  } = (registration ?? {}) as Partial<ClientRecord>;
  // The requested scopes count too: a server that registers fewer would do so again.
  const all = typeof scope === 'string' ? unionOf(scope, asked) : undefined;
  return {
    client_id: id,
    ...(client_secret !== undefined && { client_secret }),
    ...(method !== undefined && { token_endpoint_auth_method: method }),
    ...(all !== undefined && { scope: all }),
    redirect_uri: redirectUri,
  };
}
