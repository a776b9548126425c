import { withoutUndefined } from '../base/without-undefined.ts';
import { Tokens } from '../login/tokens.ts';

/** A client of an authorization server. The fields have their names of RFC 7591. */
export interface ClientRecord {
  readonly client_id: string;
  readonly client_secret?: string;
  readonly token_endpoint_auth_method?: string;
  /** Scopes that the client may request, separated by spaces. */
  readonly scope?: string;
  /** Redirect URI of a registered client. */
  readonly redirect_uri?: string;
}

/** Tokens for a server, and what their refresh needs. */
export interface Credentials {
  readonly tokens: Tokens;
  /** Client that the tokens were issued to. */
  readonly client: ClientRecord;
  /** Scopes that were requested, separated by spaces. */
  readonly asked: string | undefined;
  /** Issuer that has published the metadata of the issuer of the tokens, if it is another one. */
  readonly publisher?: string | undefined;
}

// A value of a later version may mean something else.
const version = 1;

/** Returns the JSON value to store. */
export function storedValueOf({ tokens, client, asked, publisher }: Credentials): object {
  return { v: version, tokens: tokens.toDict(), client, ...withoutUndefined({ asked, publisher }) };
}

/** Reads a stored value. Throws if it is none. */
export function credentialsIn(value: unknown): Credentials {
  const { v, tokens, client, asked, publisher } = value as Record<string, unknown>;
  if (v !== version) throw new Error('its version is unknown');
  return {
    tokens: Tokens.fromDict(tokens as Record<string, unknown>),
    client: clientIn(client),
    asked: typeof asked === 'string' ? asked : undefined,
    publisher: typeof publisher === 'string' && URL.canParse(publisher) ? publisher : undefined,
  };
}

/** Reads a stored registration. Throws if it is none. */
export function clientIn(value: unknown): ClientRecord {
  const { client_id } = value as Partial<ClientRecord>;
  if (typeof client_id !== 'string' || client_id === '') throw new Error('it has no client_id');
  return value as ClientRecord;
}

/** Tells if an access token has not expired, as far as is known. */
export function isAlive({ tokens: { expiresAt = Infinity } }: Credentials): boolean {
  return expiresAt > Date.now();
}
