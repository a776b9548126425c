/** Rule 16: programs that take an `OAuthClientProvider` and nothing else. */
import { createMCPClient } from '@ai-sdk/mcp';
import { MultiServerMCPClient } from '@langchain/mcp-adapters';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { AuthorizationError } from '../../../src/index.ts';
import * as real from '../../../src/mcp.ts';
import type { McpOAuthProvider } from '../../../src/mcp.ts';
import { equal, is, match, ok, rejects } from '../../helpers/assert.ts';
import { complains } from '../../helpers/complains.ts';
import { Person } from '../../helpers/mcp/person.ts';
import { startMcpWorld } from '../../helpers/mcp/world.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('a provider for MCP SDKs');

interface Caller {
  call(tool: string): Promise<unknown>;
  close(): Promise<void>;
}

type Connect = (url: string, authProvider: McpOAuthProvider) => Promise<Caller>;

const client = { name: 'spec', version: '1.0.0' };

const sdks: Readonly<Record<'1.x' | '2.x', Connect>> = {
  '1.x': async (url, authProvider) => {
    const legacy = new LegacyClient(client);
    const transport = new LegacyTransport(new URL(url), { authProvider });
    // Its types are written for exactOptionalPropertyTypes: false.
    await legacy.connect(transport);
    return { call: (name) => legacy.callTool({ name, arguments: {} }), close: () => legacy.close() };
  },
  '2.x': async (url, authProvider) => {
    const modern = new Client(client);
    await modern.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider }));
    return { call: (name) => modern.callTool({ name, arguments: {} }), close: () => modern.close() };
  },
};

async function callsAfterRevocation(connect: Connect, { mcpAuth }: typeof real = real): Promise<void> {
  await using world = await startMcpWorld();
  const person = new Person();
  await using auth = mcpAuth({ open: person.open });
  const [server] = world.servers;
  const caller = await connect(server.url, auth.provider(server.url));
  try {
    await caller.call('whoami');
    is(person.tabs.length, 1, 'tabs of the first sign-in');
    server.revokeTokens();
    const calls = await Promise.allSettled(Array.from({ length: 10 }, () => caller.call('whoami')));
    is(world.sum('refreshReuse'), 0, 'refresh tokens that were used twice');
    equal(
      calls.map(({ status }) => status),
      Array.from({ length: 10 }, () => 'fulfilled'),
    );
    is(person.tabs.length, 1, 'tabs after the revocation');
  } finally {
    await caller.close();
  }
}

async function callsWhileUnavailable(connect: Connect, { mcpAuth }: typeof real = real): Promise<void> {
  await using world = await startMcpWorld();
  const person = new Person();
  await using auth = mcpAuth({ open: person.open });
  const [server] = world.servers;
  const [authorizationServer] = world.authorizationServers;
  const caller = await connect(server.url, auth.provider(server.url));
  try {
    await caller.call('whoami');
    server.revokeTokens();
    authorizationServer.switches.tokenEndpoint = 'unavailable';
    const began = performance.now();
    const calls = await Promise.allSettled(Array.from({ length: 2 }, () => caller.call('whoami')));
    equal([...new Set(calls.map(({ status }) => status))], ['rejected']);
    ok(performance.now() - began < 8_000, 'they wait for each other');
    authorizationServer.switches.tokenEndpoint = 'answers';
    match(JSON.stringify(await caller.call('whoami')), /server-0/);
    is(person.tabs.length, 1, 'tabs');
  } finally {
    await caller.close();
  }
}

for (const [sdk, connect] of Object.entries(sdks)) {
  test(`rule 16: two calls while the token endpoint is unavailable fail at once, and the next one works, SDK ${sdk}`, () =>
    callsWhileUnavailable(connect));

  test(`rule 16: ten calls at once after a revocation, SDK ${sdk}: one refresh after another, no tab`, () =>
    callsAfterRevocation(connect));

  test(`rule 16: a person who declines is the error of the call, SDK ${sdk}`, async () => {
    await using world = await startMcpWorld();
    await using auth = real.mcpAuth({ open: new Person().open });
    world.authorizationServers[0].switches.denials = 1;
    const { url } = world.servers[0];
    ok((await rejects(() => connect(url, auth.provider(url)))) instanceof AuthorizationError);
  });

  test(`rule 16: no person, no tab: SignInRequiredError, SDK ${sdk}`, async () => {
    await using world = await startMcpWorld();
    await using auth = real.mcpAuth();
    const { url } = world.servers[0];
    ok((await rejects(() => connect(url, auth.provider(url)))) instanceof real.SignInRequiredError);
  });

  test(`rule 16: shares the tokens with fetch, SDK ${sdk}`, async () => {
    await using world = await startMcpWorld();
    const person = new Person();
    await using auth = real.mcpAuth({ open: person.open });
    const { url } = world.servers[0];
    const caller = await connect(url, auth.provider(url));
    await caller.close();
    is((await auth.fetch(url)(url)).status, 405, 'accepted, though it is no POST');
    is(person.tabs.length, 1);
  });

  test(`rule 16: rejects a provider that lets refreshes overlap, SDK ${sdk}`, async () => {
    const overlapping = edit('await this.#beginRequest();', '', 'mcp/provider.ts');
    const weakened = (await weakenedModule('mcp.ts', overlapping)) as typeof real;
    await complains(() => callsAfterRevocation(connect, weakened), /used twice/);
  });
}

test('rule 16: rejects a provider that leaves the refresh to the SDK alone', async () => {
  const alone = edit(
    'await this.#renew(scope === undefined ? {} : { scope }, isStepUp);',
    '',
    'mcp/provider.ts',
  );
  const weakened = (await weakenedModule('mcp.ts', alone)) as typeof real;
  await complains(() => callsWhileUnavailable(sdks['1.x'], weakened), /they wait for each other/);
});

test('rule 16: a step-up in calls of SDK 2.x, with one tab', async () => {
  await using world = await startMcpWorld();
  const person = new Person();
  await using auth = real.mcpAuth({ open: person.open });
  const { url } = world.servers[0];
  const caller = await sdks['2.x'](url, auth.provider(url));
  try {
    const calls = await Promise.all(Array.from({ length: 2 }, () => caller.call('admin')));
    for (const call of calls) match(JSON.stringify(call), /server-0 is administrated/);
    is(person.tabs.length, 2, 'one to sign in, one to step up');
    is(world.sum('refreshReuse'), 0);
  } finally {
    await caller.close();
  }
});

test('signs in to five servers of LangChain, with one tab for each', async () => {
  await using world = await startMcpWorld({ servers: 5, authorizationServers: 2 });
  const person = new Person();
  await using auth = real.mcpAuth({ open: person.open });
  const servers = world.servers.map(({ name, url }) => [name, { url, authProvider: auth.provider(url) }]);
  const langChain = new MultiServerMCPClient(
    Object.fromEntries(servers) as ConstructorParameters<typeof MultiServerMCPClient>[0],
  );
  try {
    for (const { name } of world.servers) {
      const tools = await langChain.getTools(name);
      const said: unknown = await tools.find((tool) => tool.name.endsWith('whoami'))?.invoke({});
      match(String(said), new RegExp(`"server":"${name}"`));
    }
    is(person.tabs.length, 5);
  } finally {
    await langChain.close();
  }
});

test('signs in to five servers of the AI SDK by fetch, with one tab for each', async () => {
  await using world = await startMcpWorld({ servers: 5, authorizationServers: 2 });
  const person = new Person();
  await using auth = real.mcpAuth({ open: person.open });
  for (const { url } of world.servers) {
    const fetch = auth.fetch(url) as typeof globalThis.fetch;
    const ai = await createMCPClient({ transport: { type: 'http', url, fetch } });
    equal(Object.keys(await ai.tools()), ['whoami', 'admin']);
    await ai.close();
  }
  is(person.tabs.length, 5);
});

test.run();
