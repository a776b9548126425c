import { Observable } from 'rxjs';
import type { OAuthCallbackServer } from './callback-server.ts';
import type { ServerOptions } from './options.ts';
import { CallbackServer } from './server.ts';
import { readServerOptions } from './settings.ts';

/**
 * Creates a callback server. It does not listen before `listen()` is called.
 *
 * @throws InvalidOptionError if an option is invalid or contradicts another one.
 * @example
 * import { createOAuthCallbackServer, orThrow } from 'rx-oauth-callback';
 * import { firstValueFrom } from 'rxjs';
 *
 * const server = createOAuthCallbackServer();
 * await server.listen();
 * const flow = await server.begin();
 * console.log(`Open ${flow.authorizationUrl('https://as.example/authorize', { client_id: 'my-cli' })}`);
 * const { code } = await firstValueFrom(flow.response.pipe(orThrow()));
 * console.log(code?.length);
 * await server.close();
 */
export function createOAuthCallbackServer(options: ServerOptions = {}): OAuthCallbackServer {
  return new CallbackServer(readServerOptions(options));
}

/**
 * Returns a cold Observable of a callback server. Subscribing creates it and emits it once it listens; unsubscribing
 * closes it.
 *
 * @throws InvalidOptionError, PortInUseError or ListenError, as an error of the stream.
 * @example
 * import { callbackServer } from 'rx-oauth-callback';
 * import { switchMap } from 'rxjs';
 *
 * const subscription = callbackServer({ port: 8080 })
 *   .pipe(switchMap((server) => server.redirects))
 *   .subscribe(({ disposition }) => console.log(disposition));
 * process.once('SIGINT', () => subscription.unsubscribe());
 */
export function callbackServer(options: ServerOptions = {}): Observable<OAuthCallbackServer> {
  return new Observable((subscriber) => {
    const server = createOAuthCallbackServer(options);
    server.listen().then(
      () => subscriber.next(server),
      (error: unknown) => subscriber.error(error),
    );
    return () => void server.close();
  });
}
