import { CallbackResponse } from '../callback-response.ts';
import type { Flow } from '../flow.ts';
import { internalsOf } from '../internals.ts';
import { Redirect } from '../redirect.ts';
import type { OAuthCallbackServer } from '../server.ts';
import { pastedRequest } from './pasted.ts';

/**
 * Takes a redirect that a person brings by hand, where their browser does not reach the server: the URL of the page that did
 * not load, its query, or a bare code. It passes the checks of any other, and is in `server.redirects` like them.
 *
 * A bare code is for `flow` and no other. It comes without `state` and `iss`, so nothing but the person and PKCE says that it
 * belongs there.
 *
 * @returns Resolves with what became of it: its `disposition` is `accepted`, or why not. Rejects with `InvalidOptionError`
 * where there is nothing, or no flow for a bare code, and with `NotListeningError`.
 */
export async function paste(
  server: OAuthCallbackServer,
  text: string,
  flow?: Pick<Flow, 'state' | 'redirectUri'>,
): Promise<Redirect> {
  const internals = internalsOf(server);
  const issuer = flow && internals.flows.issuerOf(flow.state);
  const request = pastedRequest(text, {
    redirectUri: flow?.redirectUri ?? server.redirectUri,
    prefix: new URL(internals.urlOf('/')).pathname.slice(0, -1),
    rest: flow && String(new URLSearchParams({ state: flow.state, ...(issuer && { iss: issuer }) })),
  });
  return (
    (await internals.endpoint.submit(request)) ??
    new Redirect('wrong_redirect_uri', new CallbackResponse(), internals.clock.now())
  );
}
