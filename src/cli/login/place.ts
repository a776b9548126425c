import { Observable } from 'rxjs';
import { connectCallbackHost } from '../../client.ts';
import { createOAuthCallbackServer, type CallbackHost, type OAuthCallbackServer } from '../../server.ts';
import type { LoginSettings } from './settings.ts';

/** Where the redirect arrives: at a server here, which takes one that is pasted too, or at a service elsewhere. */
export interface Place {
  host: CallbackHost;
  local: OAuthCallbackServer | undefined;
}

/** A place, open. It is closed, once its last page has been sent, when it is unsubscribed. */
export function openPlace({ server, via }: Pick<LoginSettings, 'server' | 'via'>): Observable<Place> {
  return new Observable((subscriber) => {
    const opening = via ? connect(via) : listen(server);
    opening.then(
      (place) => subscriber.next(place),
      (error: unknown) => subscriber.error(error),
    );
    // Unsubscribed while it opens, it is closed as soon as it is open.
    return () =>
      void opening.then(
        ({ host }) => host.close(),
        () => undefined,
      );
  });
}

async function connect({ url, token }: NonNullable<LoginSettings['via']>): Promise<Place> {
  return { host: await connectCallbackHost(url, { token, report: () => undefined }), local: undefined };
}

async function listen(options: LoginSettings['server']): Promise<Place> {
  const local = createOAuthCallbackServer(options);
  await local.listen();
  return { host: local, local };
}
