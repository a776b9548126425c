import { randomBytes } from 'node:crypto';
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

/** Value of `Host` with which a request reaches the server. */
export function authorityOf({ address, family, port }: AddressInfo): string {
  return `${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

/** A strong state, as a client makes it for a flow. */
export function newState(): string {
  return randomBytes(32).toString('base64url');
}
