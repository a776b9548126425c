import type { AddressInfo } from 'node:net';
import { Observable } from 'rxjs';
import { createOAuthCallbackServer, type CallbackHost } from '../../server.ts';
import { connectTo } from '../connect.ts';
import type { LoginSettings } from './settings.ts';
import { submitElsewhere, submitTo, type Submit } from './submit.ts';

/** Where the redirect arrives, and what is pasted goes: a server here, or a service elsewhere. */
export interface Place {
  host: CallbackHost;
  /** Where the server here listens. */
  address: AddressInfo | undefined;
  submit: Submit;
  /** Whether the service elsewhere is connected. */
  connected?: () => boolean;
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
  const host = await connectTo(url, { token, report: () => undefined });
  return { host, address: undefined, submit: submitElsewhere, connected: () => host.connected };
}

async function listen(options: LoginSettings['server']): Promise<Place> {
  const local = createOAuthCallbackServer(options);
  await local.listen();
  return { host: local, address: local.address, submit: submitTo(local) };
}
