/** A real MCP server of the official packages. Its tools are `whoami` and, for scope `mcp:admin` only, `admin`. */
import { getOAuthProtectedResourceMetadataUrl, requireBearerAuth } from '@modelcontextprotocol/express';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer as Tools, requireScopes } from '@modelcontextprotocol/server';
import express, { type RequestHandler } from 'express';
import * as z from 'zod';
import { listenOnLoopback } from '../loopback.ts';
import type { AuthorizationServer } from './authorization-server.ts';
import { verifierFor } from './verifier.ts';

/** Behaviour of an MCP server that a spec may change at any time, by writing a member. */
export interface McpServerSwitches {
  /** False if each connection is reset. @default true */
  up: boolean;
  /** Server that the metadata names, and whose tokens are good. @default the one that the MCP server was started with */
  authorizationServer: AuthorizationServer;
  /**
   * Members laid over the protected resource metadata, such as `resource` or `authorization_servers`; undefined leaves a member
   * out. @default {}
   */
  metadata: Readonly<Record<string, unknown>>;
  /** True if the protected resource metadata is 404, at each of its paths. @default false */
  metadataMissing: boolean;
  /** True if the challenge of a 401 has the URL of the metadata. @default true */
  challengeNamesMetadata: boolean;
  /** Origin that requests to the endpoint are redirected to with 307. @default undefined */
  redirectsTo: string | undefined;
}

/** Number of answers at the endpoint since the server started. A spec may write them. */
export interface McpServerCounts {
  requests: number;
  /** 2xx. */
  ok: number;
  /** 401. */
  unauthorized: number;
  /** 403. */
  forbidden: number;
}

export interface McpServer extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  readonly switches: McpServerSwitches;
  readonly counts: McpServerCounts;
  /** Values of `Authorization` at the endpoint, in the order they came. */
  readonly bearers: readonly string[];
  /** Revokes every access token issued for this server so far. A token that is issued later is good, in the same second too. */
  revokeTokens(): void;
}

/** Result of the tool `whoami`, as JSON in its text. */
export interface Caller {
  server: string;
  resource: string;
  account: string;
  client: string;
  scopes: string[];
}

type Seen = Pick<McpServer, 'counts'> & { bearers: string[] };

export async function startMcpServer(
  name: string,
  authorizationServer: AuthorizationServer,
  started: Partial<McpServerSwitches> = {},
): Promise<McpServer> {
  const switches: McpServerSwitches = {
    up: true,
    authorizationServer,
    metadata: {},
    metadataMissing: false,
    challengeNamesMetadata: true,
    redirectsTo: undefined,
    ...started,
  };
  const seen: Seen = { counts: { requests: 0, ok: 0, unauthorized: 0, forbidden: 0 }, bearers: [] };
  const loopback = await listenOnLoopback();
  const url = new URL('/mcp', loopback.origin);
  const mcp = createMcpHandler(() => toolsOf(name));
  const node = toNodeHandler(mcp);
  const app = express();
  const metadataPath = new URL(getOAuthProtectedResourceMetadataUrl(url)).pathname;
  app.get(metadataPath, metadataOf(name, url, switches));
  app.all('/mcp', seeing(seen), redirecting(switches), guarding(url, switches), (request, response) =>
    node(request, response),
  );
  loopback.http.on('request', (request, response) => {
    if (switches.up) app(request, response);
    else request.socket.destroy();
  });
  return {
    name,
    url: url.href,
    switches,
    ...seen,
    revokeTokens: () => switches.authorizationServer.accessTokens.revokeFor(url.href),
    async [Symbol.asyncDispose]() {
      await mcp.close();
      await loopback[Symbol.asyncDispose]();
    },
  };
}

function toolsOf(name: string): Tools {
  const tools = new Tools({ name, version: '1.0.0' });
  const inputSchema = z.object({});
  tools.registerTool('whoami', { description: 'Describes the caller', inputSchema }, (_input, { http }) => {
    const { resource, clientId, scopes, extra } = http!.authInfo!;
    const caller: Caller = {
      server: name,
      resource: String(resource),
      account: String(extra?.['sub']),
      client: clientId,
      scopes,
    };
    return { content: [{ type: 'text', text: JSON.stringify(caller) }] };
  });
  const admin = {
    description: 'Needs more scope',
    inputSchema,
    scopeChallenge: requireScopes('mcp:admin'),
  };
  tools.registerTool('admin', admin, () => ({
    content: [{ type: 'text', text: `${name} is administrated` }],
  }));
  return tools;
}

function metadataOf(name: string, url: URL, switches: McpServerSwitches): RequestHandler {
  return (_request, response) => {
    if (switches.metadataMissing) {
      response.sendStatus(404);
      return;
    }
    response.json({
      resource: url.href,
      resource_name: name,
      authorization_servers: [switches.authorizationServer.issuer],
      scopes_supported: ['mcp:use'],
      ...switches.metadata,
    });
  };
}

function seeing({ counts, bearers }: Seen): RequestHandler {
  return (request, response, next) => {
    counts.requests++;
    if (request.headers.authorization !== undefined) bearers.push(request.headers.authorization);
    response.on('finish', () => {
      const { statusCode } = response;
      if (statusCode === 401) counts.unauthorized++;
      else if (statusCode === 403) counts.forbidden++;
      else if (statusCode < 300) counts.ok++;
    });
    next();
  };
}

function redirecting(switches: McpServerSwitches): RequestHandler {
  return (_request, response, next) => {
    if (switches.redirectsTo === undefined) next();
    else response.redirect(307, new URL('/mcp', switches.redirectsTo).href);
  };
}

function guarding(url: URL, switches: McpServerSwitches): RequestHandler {
  const options = {
    verifier: verifierFor(switches),
    requiredScopes: ['mcp:use'],
    expectedResource: url,
  };
  const bare = requireBearerAuth(options);
  const named = requireBearerAuth({
    ...options,
    resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(url),
  });
  return (request, response, next) =>
    (switches.challengeNamesMetadata ? named : bare)(request, response, next);
}
