import type { AddressInfo } from 'node:net';
import { withoutUndefined } from '../../base/without-undefined.ts';
import { Observable, of } from 'rxjs';
import type { WebSocket } from 'ws';
import { createOAuthCallbackServer } from '../../server/create.ts';
import { type CallbackHost } from '../../model/callback-host.ts';
import { connectTo } from '../connect.ts';
import { serviceHost } from './service-host.ts';
import type { LoginSettings } from './settings.ts';
import { submitElsewhere, submitTo, type Submit } from './submit.ts';

/** Receiver of the redirect and of pasted responses: a server here, or a remote service. */
export interface Receiver {
  /** Undefined if the sign-in expects no redirect. */
  host: CallbackHost | undefined;
  /** Address of the server here; undefined for a remote service. */
  address: AddressInfo | undefined;
  submit: Submit;
  /** Tells if the remote service is connected. */
  connected?: () => boolean;
}

/** Receives nothing, for a sign-in on another device. */
const noReceiver: Receiver = {
  host: undefined,
  address: undefined,
  submit: () => Promise.resolve(undefined),
};

/** Takes part in a port that other processes use too. Loaded when it is needed, because it takes the bridge along. */
async function share({ port, callbackPath, settle, finishUrls }: LoginSettings['server']): Promise<Receiver> {
  const { sharedCallbackHost } = await import('../../share/host.ts');
  const options = withoutUndefined({ callbackPath, settle, finishUrls });
  const host = await sharedCallbackHost({ port: Number(port), ...options });
  const address: AddressInfo = { address: '127.0.0.1', family: 'IPv4', port: Number(port) };
  return { host, address, submit: submitElsewhere };
}

/** Opens a receiver and emits it. Unsubscribing closes it, once its last page has been sent. */
export function openReceiver({
  server,
  share: shares,
  via,
  signIn: { device },
}: Pick<LoginSettings, 'server' | 'share' | 'via' | 'signIn'>): Observable<Receiver> {
  if (device === 'only') return of(noReceiver);
  return new Observable((subscriber) => {
    let isOpen = false;
    let pending: WebSocket | undefined;
    const opening = via
      ? connect(via, (socket) => (pending = isOpen ? undefined : socket))
      : (shares ? share : listen)(server);
    opening.then(
      (receiver) => {
        isOpen = true;
        pending = undefined;
        subscriber.next(receiver);
      },
      (error: unknown) => subscriber.error(error),
    );
    return () => {
      // A service that does not answer would keep the process alive until the attempt times out.
      pending?.terminate();
      // If it is unsubscribed while it opens, it is closed as soon as it is open.
      void opening.then(
        ({ host }) => host?.close(),
        () => undefined,
      );
    };
  });
}

async function connect(
  { url, token }: NonNullable<LoginSettings['via']>,
  onSocket: (socket: WebSocket) => void,
): Promise<Receiver> {
  const host = await connectTo(url, { token, report: () => undefined }, onSocket);
  try {
    return {
      host: serviceHost(host, url),
      address: undefined,
      submit: submitElsewhere,
      connected: () => host.connected,
    };
  } catch (error) {
    await host.close();
    throw error;
  }
}

async function listen(options: LoginSettings['server']): Promise<Receiver> {
  const local = createOAuthCallbackServer(options);
  await local.listen();
  return { host: local, address: local.address, submit: submitTo(local) };
}
