import type { ClientAuth, ClientMetadata, Configuration } from 'openid-client';
import { allowLoopback, type OpenId } from './openid-client.ts';
import type { ServerMetadata } from './server-metadata.ts';

/** Client id for requests that are made before a client is known. */
export const unregistered = 'nobody-yet';

/** Client that a configuration is for. */
export interface ConfiguredClient {
  id: string;
  auth: ClientAuth;
  /** Metadata of a client that was registered. */
  registered?: ClientMetadata;
}

/**
 * Creates a configuration of openid-client from metadata that is there already. Rejects if openid-client does not take the
 * metadata for that of the issuer.
 *
 * It discovers once more, without a request, because only then does openid-client apply its rules for servers whose metadata
 * names another issuer.
 */
export async function configurationOf(
  openid: OpenId,
  metadata: ServerMetadata,
  issuer: string,
  { id, auth, registered }: ConfiguredClient,
): Promise<Configuration> {
  return openid.discovery(new URL(issuer), id, registered, auth, {
    [openid.customFetch]: () => Promise.resolve(Response.json(metadata)),
    // An https issuer has no other endpoints; `discover` has checked that.
    execute: issuer.startsWith('http:') ? [allowLoopback(openid)] : [],
  });
}
