import {
  allowInsecureRequests,
  authorizationCodeGrant,
  discovery,
  enableNonRepudiationChecks,
  None,
  type Configuration,
} from 'openid-client';
import type { CallbackResponse, Flow } from '../../index.ts';
import type { RegisteredClient } from './authorization-server.ts';

/** Client that users sign in to. */
export interface OAuthClient extends RegisteredClient {
  readonly authorizationEndpoint: string;
  readonly configuration: Configuration;
}

/** Reads the metadata of the authorization server for a client. */
export async function discover(issuer: string, { id, name }: RegisteredClient): Promise<OAuthClient> {
  const configuration = await discovery(new URL(issuer), id, undefined, None(), {
    // The authorization server is on loopback, without TLS; so the ID token's signature is checked as well.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    execute: [allowInsecureRequests, enableNonRepudiationChecks],
  });
  const { authorization_endpoint } = configuration.serverMetadata();
  if (authorization_endpoint === undefined) throw new Error(`${issuer} has no authorization endpoint`);
  return { id, name, configuration, authorizationEndpoint: authorization_endpoint };
}

/** Exchanges the code of a response for tokens, and validates the ID token. */
export function exchange({ configuration }: OAuthClient, flow: Flow, response: CallbackResponse) {
  const url = new URL(flow.redirectUri);
  url.search = new URLSearchParams({ ...response.toDict() }).toString();
  return authorizationCodeGrant(configuration, url, {
    pkceCodeVerifier: flow.codeVerifier,
    expectedState: flow.state,
    idTokenExpected: true,
  });
}
