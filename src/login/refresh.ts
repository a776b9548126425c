import type { Observable } from 'rxjs';
import { abortable } from '../abortable.ts';
import { InvalidOptionError } from '../errors.ts';
import { requireKnown } from '../known-options.ts';
import { knownClient } from './client.ts';
import { renew } from './exchange.ts';
import { Flights } from './flights.ts';
import { discover } from './metadata.ts';
import { loadOpenId } from './openid-client.ts';
import { requireClientOptions, type ClientOptions, type SignInOptions } from './options.ts';
import { Rotation } from './rotation.ts';
import { Tokens } from './tokens.ts';

/** Options of `refresh`. */
export interface RefreshOptions extends ClientOptions, Pick<SignInOptions, 'scope' | 'resource'> {}

const names: ReadonlySet<string> = new Set<keyof RefreshOptions>([
  'metadata',
  'clientSecret',
  'clientAuthentication',
  'fetch',
  'scope',
  'resource',
]);

const flights = new Flights<Tokens>(() => true);
const rotation = new Rotation();

/**
 * New tokens for the refresh token of `tokens`, as a cold Observable of one value. Errors with `TokenError` or
 * `DiscoveryError`.
 *
 * Single flight: a server that rotates refresh tokens takes a second use of one for theft, and ends the sign-in. For another
 * `scope` or `resource` there is a request of its own, which waits for the one under way; and tokens whose refresh token was
 * used up in this process are refreshed with the one that came for it.
 *
 * Throws `InvalidOptionError` where there is no refresh token.
 */
export function refresh(tokens: Tokens, options: RefreshOptions = {}): Observable<Tokens> {
  requireKnown(options, names, 'refresh');
  requireClientOptions(options);
  const { issuer, client_id: clientId, refresh_token } = tokens;
  if (refresh_token === undefined)
    throw new InvalidOptionError('tokens', 'must have a refresh_token, got none');
  const { scope, resource = [] } = options;
  const resources = [resource].flat();
  const work = abortable(async (signal) => {
    const metadata = await discover({ ...options, issuer }, signal);
    const client = knownClient(await loadOpenId(), { ...options, clientId }, metadata);
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
