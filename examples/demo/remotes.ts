import { randomBytes } from 'node:crypto';
import { createBridge, type Bridge, type BridgeToken } from '../../src/bridge.ts';
import { connectCallbackHost, type RemoteCallbackHost } from '../../src/client.ts';
import type { OAuthCallbackServer } from '../../src/index.ts';

/** Programs elsewhere that share the callback server, each over a connection of its own. */
export interface Remotes {
  /** One whose sign-ins come back here. */
  readonly listener: RemoteCallbackHost;
  /** One that looks on, and may do nothing else. */
  readonly monitor: RemoteCallbackHost;
}

const token = (): string => randomBytes(32).toString('base64url');

const tokens = {
  listener: { name: 'notes', token: token(), roles: ['listener'] },
  monitor: { name: 'dashboard', token: token(), roles: ['monitor'] },
} satisfies Record<keyof Remotes, BridgeToken>;

/** The server's way to programs elsewhere: `/bridge`, on its own port. */
export function openBridge(server: OAuthCallbackServer): Bridge {
  return createBridge(server, { tokens: Object.values(tokens) });
}

export async function connectRemotes({ address }: Bridge): Promise<Remotes> {
  const url = `ws://127.0.0.1:${address.port}/bridge`;
  const [listener, monitor] = await Promise.all([
    connectCallbackHost(url, { token: tokens.listener.token }),
    connectCallbackHost(url, { token: tokens.monitor.token }),
  ]);
  return { listener, monitor };
}
