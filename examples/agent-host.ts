/**
 * `SERVERS="https://mcp.one.example/mcp https://mcp.two.example/mcp" TOKENS=tokens.json npx tsx examples/agent-host.ts`: signs in
 * to all MCP servers on one port, lists their tools, and calls those that SERVERS names after a `#`: `https://…/mcp#whoami`.
 *
 * Needs `openid-client` and `@modelcontextprotocol/client`. Started again, it signs in to nothing.
 */
import { Client } from '@modelcontextprotocol/client';
import { from, lastValueFrom, map, mergeMap, type Observable } from 'rxjs';
import { createOAuthCallbackServer } from '../src/index.ts';
import { openBrowser } from '../src/login.ts';
import { fileStore, mcpAuth, memoryStore, type McpEvent } from '../src/mcp.ts';

const { SERVERS = '', TOKENS, PORT = '0' } = process.env;

interface Found {
  readonly server: string;
  readonly tools: readonly string[];
  readonly answer: string | undefined;
}

// The page of a sign-in waits for the result of the token request.
const host = createOAuthCallbackServer({ port: Number(PORT), settle: 60_000 });
const auth = mcpAuth({
  host,
  clientName: 'Agent host',
  store: TOKENS === undefined ? memoryStore() : fileStore(TOKENS),
  open: async (url) => {
    console.log('Open', url.href);
    await openBrowser(url);
  },
});
auth.events.subscribe(log);

const found: Observable<Found> = from(SERVERS.split(' ')).pipe(
  map((each) => new URL(each)),
  mergeMap((url) => use(url)),
);
try {
  await lastValueFrom(found.pipe(map(report)), { defaultValue: undefined });
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  await auth.close();
  await host.close();
}

/** Connects to a server, lists its tools, and calls the one that is named after the `#`. */
async function use(url: URL): Promise<Found> {
  const tool = url.hash.slice(1);
  const server = new URL(url.pathname, url).href;
  const client = new Client({ name: 'agent-host', version: '1.0.0' });
  await auth.connect(client, server);
  try {
    const { tools } = await client.listTools();
    const answer =
      tool === '' ? undefined : JSON.stringify(await client.callTool({ name: tool, arguments: {} }));
    return { server, tools: tools.map(({ name }) => name), answer };
  } finally {
    await client.close();
  }
}

function report({ server, tools, answer }: Found): void {
  console.log(`${server} has ${tools.join(', ')}`);
  if (answer !== undefined) console.log(answer);
}

function log(event: McpEvent): void {
  // Printing an event shows no token and no URL.
  console.error(JSON.stringify(event));
}
