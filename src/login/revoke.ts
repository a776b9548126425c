import type { Observable } from 'rxjs';
import { abortable } from '../base/abortable.ts';
import { readOptions, type OptionTable } from '../base/options.ts';
import { revocationAnswer } from './answers.ts';
import { knownClient, type Client } from './client.ts';
import { RevocationError, type RevokedToken } from './errors.ts';
import { discover, requireEndpoint } from './metadata.ts';
import { loadOpenId, type OpenId } from './openid-client.ts';
import { requireClientOptions, type ClientOptions } from './options.ts';
import { refusalOf, type Refusal } from './refusals.ts';
import { rotation } from './rotation.ts';
import type { ServerMetadata } from './server-metadata.ts';
import type { Tokens } from './tokens.ts';

const revokeTable: OptionTable<ClientOptions> = {
  metadata: true,
  clientSecret: true,
  clientAuthentication: true,
  fetch: true,
};

/**
 * Asks the authorization server to revoke `tokens`: the refresh token first, because it is valid for longer and most servers
 * revoke the access token with it, then the access token. Returns a cold Observable of one value, the names of the tokens that
 * are revoked. Some servers revoke only refresh tokens: the access token then stays valid until it expires.
 *
 * It errors with `RevocationError`, also if the server revokes no refresh tokens, or with `DiscoveryError`, whose `flaw` is
 * `missing_endpoint` if the server has no revocation endpoint. A token that the server does not know any more counts as revoked.
 * If this process has refreshed the tokens, it revokes the newest refresh token.
 *
 * @param given `metadata` need not be given. A confidential client needs its `clientSecret`.
 * @throws {InvalidOptionError} if an option is unknown, or contradicts another
 * @see RFC 7009
 *
 * @example
 * import { revoke, Tokens } from 'rx-oauth-callback/login';
 * import { readFileSync, rmSync } from 'node:fs';
 * import { firstValueFrom } from 'rxjs';
 *
 * const kept = Tokens.fromDict(JSON.parse(readFileSync('tokens.json', 'utf8')));
 * const revoked = await firstValueFrom(revoke(kept));
 * console.log(revoked); // ['refresh_token', 'access_token']
 * rmSync('tokens.json');
 */
export function revoke(tokens: Tokens, given: ClientOptions = {}): Observable<readonly RevokedToken[]> {
  const options = readOptions(given, revokeTable, { of: 'revoke' }, {});
  requireClientOptions(options);
  const { issuer, client_id: clientId } = tokens;
  return abortable(async (signal) => {
    const openid = await loadOpenId();
    const metadata = await discover({ ...options, issuer }, signal);
    requireEndpoint(metadata, 'revocation_endpoint', issuer);
    const client = knownClient(openid, { ...options, issuer, clientId }, ofRevocation(metadata));
    return revokeAll(new Revoker(openid, client), tokens, signal);
  });
}

/**
 * Gives metadata that names the client authentication of the revocation endpoint as that to use. Many servers name the one of the
 * token endpoint only, and mean both.
 *
 * @see RFC 8414 section 2
 */
function ofRevocation(metadata: ServerMetadata): ServerMetadata {
  const { revocation_endpoint_auth_methods_supported: methods } = metadata;
  return methods === undefined ? metadata : { ...metadata, token_endpoint_auth_methods_supported: methods };
}

/** Answers by which a server says that a token is not valid already. RFC 7009 section 2.2 asks for 200, Google does not. */
const unknownToken = 'invalid_token';
const unsupported = 'unsupported_token_type';

async function revokeAll(
  revoker: Revoker,
  tokens: Tokens,
  signal: AbortSignal,
): Promise<readonly RevokedToken[]> {
  const { issuer, client_id, access_token, refresh_token } = tokens;
  const newest = refresh_token && (await rotation.newest([issuer, client_id], refresh_token));
  const values = [
    ['refresh_token', newest],
    ['access_token', access_token],
  ] as const;
  const revoked: RevokedToken[] = [];
  let rejected: Refusal | undefined;
  for (const [name, value] of values) {
    if (value === undefined) continue;
    const refusal = await revoker.revoke(name, value, signal);
    if (refusal === undefined || isOfUnknownToken(refusal)) revoked.push(name);
    else if (refusal.error === unsupported) rejected ??= refusal;
    else throw revocationError(issuer, refusal, revoked);
  }
  // An access token that is left expires soon. A refresh token that is left gets new ones.
  const longest = newest === undefined ? 'access_token' : 'refresh_token';
  if (rejected && !revoked.includes(longest)) throw revocationError(issuer, rejected, revoked);
  return revoked;
}

/** Tells if a token is not valid already. With 401 the server means the credential of the request (RFC 6750 section 3.1). */
function isOfUnknownToken({ error, status }: Refusal): boolean {
  return error === unknownToken && status !== 401;
}

/** Sends revocations of one client. */
class Revoker {
  readonly #openid: OpenId;
  readonly #client: Client;

  constructor(openid: OpenId, client: Client) {
    this.#openid = openid;
    this.#client = client;
  }

  /** Resolves with the refusal of the server; undefined if the token is revoked. */
  async revoke(name: RevokedToken, token: string, signal: AbortSignal): Promise<Refusal | undefined> {
    const openid = this.#openid;
    const configuration = await this.#client.configure(signal, revocationAnswer);
    try {
      await openid.tokenRevocation(configuration, token, { token_type_hint: name });
      return undefined;
    } catch (error) {
      const sent = [token, this.#client.secret].filter((secret) => secret !== undefined);
      return refusalOf(openid, error, sent);
    }
  }
}

function revocationError(
  issuer: string,
  { reason, error, unanswered, status }: Refusal,
  revoked: readonly RevokedToken[],
): RevocationError {
  const message = `the revocation endpoint of ${issuer} ${reason}`;
  return new RevocationError(issuer, message, error, unanswered, status, revoked);
}
