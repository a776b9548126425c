/** MCP servers behind authorization servers, all of them real, on loopback. */
import {
  startAuthorizationServer,
  type AuthorizationServer,
  type AuthorizationServerOptions,
} from './authorization-server.ts';
import { startMcpServer, type McpServer, type McpServerSwitches } from './mcp-server.ts';
import type { AuthorizationServerCounts } from './switches.ts';

export interface McpWorldOptions {
  /** Number of MCP servers; they take the authorization servers in turn. @default 1 */
  servers?: number;
  /** Number of authorization servers. @default 1 */
  authorizationServers?: number;
  /** Options of each authorization server. */
  authorizationServer?: AuthorizationServerOptions;
  /** Switches of each MCP server from the start. */
  server?: Partial<Omit<McpServerSwitches, 'authorizationServer'>>;
}

export interface McpWorld extends AsyncDisposable {
  /** Named `server-0`, `server-1`, and so on. */
  readonly servers: readonly [McpServer, ...McpServer[]];
  readonly authorizationServers: readonly [AuthorizationServer, ...AuthorizationServer[]];
  /** Returns the sum of a count over all authorization servers. */
  sum(count: keyof AuthorizationServerCounts): number;
}

/**
 * Starts a world.
 *
 * @example
 * await using world = await startMcpWorld({ servers: 20, authorizationServers: 5 });
 * const [server] = world.servers;
 * server.revokeTokens();
 * server.switches.authorizationServer.switches.tokenEndpoint = 'unavailable';
 */
export async function startMcpWorld(options: McpWorldOptions = {}): Promise<McpWorld> {
  const { servers = 1, authorizationServers = 1, authorizationServer, server } = options;
  const issuing = await Promise.all(
    Array.from({ length: authorizationServers }, () => startAuthorizationServer(authorizationServer)),
  );
  const serving = await Promise.all(
    Array.from({ length: servers }, (_, n) =>
      startMcpServer(`server-${n}`, issuing[n % authorizationServers]!, server),
    ),
  );
  return {
    servers: serving as [McpServer, ...McpServer[]],
    authorizationServers: issuing as [AuthorizationServer, ...AuthorizationServer[]],
    sum: (count) => issuing.reduce((sum, { counts }) => sum + counts[count], 0),
    async [Symbol.asyncDispose]() {
      await Promise.all([...serving, ...issuing].map((each) => each[Symbol.asyncDispose]()));
    },
  };
}
