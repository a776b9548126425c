import { CallbackResponse } from '../model/callback-response.ts';
import type { Flow } from '../model/flow.ts';
import { internalsOf } from '../server/internals.ts';
import { Redirect } from '../model/redirect.ts';
import type { OAuthCallbackServer } from '../server/callback-server.ts';
import { pastedRequest } from './pasted.ts';

/**
 * Processes a redirect that a user pastes, for a browser that cannot reach the server: the URL of the page that did not load,
 * its query, or a bare code. It passes the checks of any other redirect, and appears in `server.redirects`.
 *
 * @param flow The flow that a bare code is for. A bare code has no `state` and `iss`; only the user and PKCE confirm that it
 * belongs to this flow.
 * @returns Resolves with the redirect; its `disposition` is `accepted`, or the reason why not. Rejects with
 * `NotListeningError` before `listen()`.
 * @throws {InvalidOptionError} if the text is empty, or is a bare code and there is no `flow`
 *
 * @example
 * import { createOAuthCallbackServer } from 'rx-oauth-callback';
 * import { paste } from 'rx-oauth-callback/login';
 *
 * const server = createOAuthCallbackServer({ port: 0 });
 * await server.listen();
 * const flow = await server.begin({ issuer: 'https://as.example' });
 * const { disposition } = await paste(server, 'http://127.0.0.1:8080/callback?code=c&state=s', flow);
 * console.log(disposition);
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
