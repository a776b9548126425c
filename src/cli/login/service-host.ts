import { isRedirectUri } from '../../client/service-claims.ts';
import type { CallbackHost } from '../../model/callback-host.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';

/**
 * Wraps the host of a remote service so that no sign-in goes to a redirect URI which that service must not name: a pasted response
 * is sent there from this machine, and the user reads it. Throws `CommandError` for such a URI.
 *
 * @param bridge URL that the user has given for the service.
 */
export function serviceHost(host: CallbackHost, bridge: string): CallbackHost {
  const own = redirectUrlOf(host.redirectUri, bridge);
  return {
    redirectUri: host.redirectUri,
    events: host.events,
    async begin(options) {
      const flow = await host.begin(options);
      // Paths differ among flows, by their contexts. The server is always the same.
      if (redirectUrlOf(flow.redirectUri, bridge).origin !== own.origin) throw refusal(bridge);
      return flow;
    },
    close: () => host.close(),
  };
}

function redirectUrlOf(redirectUri: string, bridge: string): URL {
  if (!isRedirectUri(bridge, redirectUri)) throw refusal(bridge);
  return new URL(redirectUri);
}

/** Does not show the URI: its text may be meant for the user. */
function refusal(bridge: string): CommandError {
  return new CommandError(
    `${new URL(bridge).origin} gave a redirect URI that is not valid; it must be https, or http on loopback if the bridge is on loopback, and on one server`,
    exitCodes.connection,
  );
}
