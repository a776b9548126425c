import { InvalidOptionError } from '../../base/invalid-option.ts';
import { takeRequests } from '../../http/routes.ts';
import type { OAuthCallbackServer } from '../../index.ts';
import { clientMetadata } from '../../login/client-metadata.ts';
import { internalsOf } from '../../server/internals.ts';
import type { Config } from './config.ts';

type Settings = Pick<Config, 'clientMetadataPath' | 'clientName' | 'publicUrl' | 'tls'>;

/**
 * Publishes the document that the sign-ins of this service are known by, with its redirect URI. Does nothing without a path.
 *
 * @throws {InvalidOptionError} if no authorization server could fetch the document
 */
export function publishClientMetadata(
  server: OAuthCallbackServer,
  { clientMetadataPath: path, clientName, publicUrl, tls }: Settings,
): void {
  if (path === undefined) return;
  if (!/^\/[^?#\s]+$/.test(path))
    throw new InvalidOptionError('clientMetadataPath', `must be a path, such as /client.json; got "${path}"`);
  const isSecure = publicUrl === undefined ? tls !== undefined : publicUrl.startsWith('https:');
  if (!isSecure)
    throw new InvalidOptionError('clientMetadataPath', 'needs https: set the public URL, or listen with TLS');
  const internals = internalsOf(server);
  takeRequests(internals, path, (request, response, next) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      next();
      return;
    }
    const document = clientMetadata({
      url: internals.urlOf(path),
      redirectUris: [server.redirectUri],
      ...(clientName !== undefined && { clientName }),
    });
    response.writeHead(200, {
      'Content-Type': 'application/json',
      'Cache-Control': 'public, max-age=300',
      'X-Content-Type-Options': 'nosniff',
    });
    response.end(request.method === 'GET' ? JSON.stringify(document) : undefined);
  });
}
