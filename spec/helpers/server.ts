import type { AddressInfo } from 'node:net';
import { createOAuthCallbackServer, type OAuthCallbackServer, type ServerOptions } from '../../src/index.ts';

/** A server that listens on a free port: `await using server = await listening();` closes it. */
export async function listening(options: ServerOptions = {}): Promise<OAuthCallbackServer> {
  const server = createOAuthCallbackServer(options);
  await server.listen();
  return server;
}

/** The redirect URI with these parameters, as an authorization server would make it. */
export function redirectTo(redirectUri: string, params: Readonly<Record<string, string>>): string {
  return `${redirectUri}?${new URLSearchParams(params).toString()}`;
}

/** What `Host` must say to reach the server. */
export function authorityOf({ address, family, port }: AddressInfo): string {
  return `${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

let count = 0;

/** A strong state that no other call returns, the same ones in every run. */
export function newState(): string {
  return `state-${String(++count).padStart(6, '0')}-zyxwvutsrqponmlk`;
}
