import type { Observable } from 'rxjs';
import { abortable } from '../base/abortable.ts';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { readOptions, type OptionTable } from '../base/options.ts';
import { knownClient } from './client.ts';
import { renew } from './exchange.ts';
import type { DpopKey } from './dpop-key.ts';
import { Flights } from './flights.ts';
import { discover } from './metadata.ts';
import { loadOpenId } from './openid-client.ts';
import {
  joined,
  requireClientOptions,
  requireKey,
  type ClientOptions,
  type SignInOptions,
} from './options.ts';
import { rotation } from './rotation.ts';
import { Tokens } from './tokens.ts';

/** Options of `refresh`. */
export interface RefreshOptions extends ClientOptions, Pick<SignInOptions, 'scope'> {
  /** Resources that the new tokens are for. @default those of the tokens @see RFC 8707 */
  resource?: string | readonly string[];
  /**
   * Key that the tokens are bound to.
   * @default the key that they have with them
   */
  dpop?: DpopKey;
}

const refreshTable: OptionTable<RefreshOptions> = {
  metadata: true,
  clientSecret: true,
  clientAuthentication: true,
  fetch: true,
  scope: true,
  resource: true,
  dpop: true,
};

const flights = new Flights<Tokens>(() => true);

/**
 * Requests new tokens with the refresh token of `tokens`. Returns a cold Observable of one value. It errors with `TokenError`
 * or `DiscoveryError`.
 *
 * Calls at the same time for the same tokens share one request. A server that rotates refresh tokens treats a second use of
 * one as theft and revokes the sign-in. Another `scope` or `resource` needs a separate request, which waits for the one in
 * progress. If this process has already used the refresh token, the request sends its newest replacement.
 *
 * @throws {InvalidOptionError} if there is no refresh token, or an option is unknown
 *
 * @example
 * import { refresh, Tokens } from 'rx-oauth-callback/login';
 * import { readFileSync } from 'node:fs';
 * import { firstValueFrom } from 'rxjs';
 *
 * const kept = Tokens.fromDict(JSON.parse(readFileSync('tokens.json', 'utf8')));
 * const renewed = await firstValueFrom(refresh(kept));
 * console.log(renewed.expiresAt);
 */
export function refresh(tokens: Tokens, given: RefreshOptions = {}): Observable<Tokens> {
  const options = readOptions(given, refreshTable, { of: 'refresh' }, {});
  requireClientOptions(options);
  const { issuer, client_id: clientId, refresh_token } = tokens;
  if (refresh_token === undefined)
    throw new InvalidOptionError('tokens', 'must have a refresh_token; got none');
  const { resource = tokens.resource } = options;
  const dpop = keyOf(tokens, options.dpop);
  const scope = joined(options.scope);
  const resources = [resource].flat();
  const work = abortable(async (signal) => {
    const metadata = await discover({ ...options, issuer }, signal);
    const client = knownClient(await loadOpenId(), { ...options, issuer, clientId, dpop }, metadata);
    return rotation.use([issuer, clientId], refresh_token, (newest) =>
      renew(
        client,
        Tokens.fromDict({ ...tokens.toDict(), refresh_token: newest }),
        { scope, resource: resources },
        signal,
      ),
    );
  });
  return flights.join(JSON.stringify([issuer, clientId, refresh_token, scope, resources]), work);
}

/** Returns the key for the proofs. A server would reject another one, perhaps after it has used the refresh token up. */
function keyOf(tokens: Tokens, given: DpopKey | undefined): DpopKey | undefined {
  if (given !== undefined) requireKey(given);
  const key = given ?? tokens.dpopKey;
  const { dpop_jkt } = tokens.toDict();
  if (dpop_jkt === undefined || key?.thumbprint === dpop_jkt) return key;
  const got = key ? 'another key' : 'none';
  throw new InvalidOptionError('dpop', `must be the key that the tokens are bound to; got ${got}`);
}
