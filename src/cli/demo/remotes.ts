import { randomBytes } from 'node:crypto';
import { createBridge, type Bridge, type BridgeToken } from '../../bridge.ts';
import { connectCallbackHost, type RemoteCallbackHost } from '../../client.ts';
import type { OAuthCallbackServer } from '../../index.ts';

/** Remote programs that share the callback server, each over its own connection. */
export interface Remotes {
  /** Program that waits for sign-ins. */
  readonly listener: RemoteCallbackHost;
  /** Program that may only watch. */
  readonly monitor: RemoteCallbackHost;
}

const token = (): string => randomBytes(32).toString('base64url');

const tokens = {
  listener: { name: 'notes', token: token(), roles: ['listener'] },
  monitor: { name: 'dashboard', token: token(), roles: ['monitor'] },
} satisfies Record<keyof Remotes, BridgeToken>;

/** Opens the bridge at `/bridge`, on the server's port. */
export function openBridge(server: OAuthCallbackServer): Bridge {
  return createBridge(server, { tokens: Object.values(tokens) });
}

/** Connects both programs to the bridge. */
export async function connectRemotes({ address }: Bridge): Promise<Remotes> {
  const url = `ws://127.0.0.1:${address.port}/bridge`;
  const [listener, monitor] = await Promise.all([
    connectCallbackHost(url, { token: tokens.listener.token }),
    connectCallbackHost(url, { token: tokens.monitor.token }),
  ]);
  return { listener, monitor };
}
