import { Client } from '@modelcontextprotocol/client';
import { connectCallbackHost } from '../../../src/client.ts';
import type { CallbackHost } from '../../../src/index.ts';
import type { McpStatus } from '../../../src/mcp.ts';
import * as assert from '../../helpers/assert.ts';
import { token, withBridge } from '../../helpers/bridge.ts';
import { chaosCount, chaosDeadline, isFull } from '../../helpers/chaos.ts';
import type { Caller } from '../../helpers/mcp/mcp-server.ts';
import { ruleOf, twin } from '../../helpers/mcp/rule.ts';
import { withMcp, type CreateMcpAuth } from '../../helpers/mcp/with-mcp.ts';
import { record } from '../../helpers/record.ts';
import { suite } from '../../helpers/suite.ts';
import { edit } from '../../helpers/weakened.ts';

const test = suite('mcp: many servers');
const rule = ruleOf(test);

interface Crowd {
  readonly servers: number;
  readonly authorizationServers: number;
  readonly tabs: number;
  readonly host?: CallbackHost;
  readonly create?: CreateMcpAuth;
}

/** Connects to all servers at once, and requires of each that it answers for its own token. */
async function connectAll({ servers, authorizationServers, tabs, host, create }: Crowd): Promise<void> {
  const auth = { tabs, ...(host && { host }) };
  await withMcp(
    { world: { servers, authorizationServers }, auth, ...(create && { create }) },
    async (mcp) => {
      for (const [n, { switches }] of mcp.world.authorizationServers.entries())
        switches.account = `person-${n}`;
      const statuses = mcp.world.servers.map(({ url }) => record(mcp.auth.status(url)));
      const clients = mcp.world.servers.map(() => new Client({ name: 'spec', version: '1' }));
      try {
        await Promise.all(clients.map((client, n) => mcp.auth.connect(client, mcp.world.servers[n]!.url)));
        const callers = await Promise.all(clients.map((client) => whoami(client)));
        assert.equal(
          callers.map(({ server, resource, account }) => ({ server, resource, account })),
          mcp.world.servers.map(({ name, url }, n) => ({
            server: name,
            resource: url,
            account: `person-${n % authorizationServers}`,
          })),
        );
      } finally {
        await Promise.all(clients.map((client) => client.close()));
      }
      assert.equal(mcp.seen, { tabs: servers, register: authorizationServers });
      assert.ok(mcp.person.mostAtOnce <= tabs, `${mcp.person.mostAtOnce} tabs at a time`);
      assert.equal([...mcp.person.servers].sort(), mcp.world.servers.map(({ url }) => url).sort());
      await mcp.auth.close();
      for (const { values, ending } of statuses) {
        assert.equal(ending, { completed: true });
        requireOrder(values);
      }
    },
  );
}

async function whoami(client: Client): Promise<Caller> {
  const { content } = await client.callTool({ name: 'whoami', arguments: {} });
  const [first] = content;
  assert.is(first?.type, 'text');
  return JSON.parse((first as { text: string }).text) as Caller;
}

const order = ['unknown', 'sign_in_required', 'queued', 'waiting', 'signed_in'];

/** Requires that a status only goes on, and never repeats itself. */
function requireOrder(statuses: readonly McpStatus[]): void {
  const states = statuses.map(({ state }) => state);
  assert.equal([...new Set(states)], order);
  assert.equal(
    states,
    [...states].sort((one, other) => order.indexOf(one) - order.indexOf(other)),
  );
  const positions = statuses.flatMap((status) => (status.state === 'queued' ? [status.position] : []));
  assert.equal(positions.at(-1), 0);
  assert.is(new Set(statuses.map((status) => JSON.stringify(status))).size, statuses.length);
}

for (const tabs of [1, 20])
  rule(
    `rules 1, 4 and 7: connects to 20 servers of 5 authorization servers at once, with ${tabs === 1 ? 'one tab' : '20 tabs'}`,
    (create) => connectAll({ servers: 20, authorizationServers: 5, tabs, create }),
    tabs === 1
      ? [
          twin('opens all tabs', edit('if (this.#running === this.#max)', 'if (false)'), /\d tabs at a time/),
          twin(
            'registers each server',
            edit('`client ${issuer} ${redirectUri}`', '`client ${issuer} ${redirectUri} ${Math.random()}`'),
            /register/,
          ),
          twin(
            'repeats a status',
            edit(
              'if (!isDeepStrictEqual(status, this.#status.value)) this.#status.next(status);',
              'this.#status.next(status);',
            ),
            /equal/,
          ),
        ]
      : [],
  );

test('rules 1, 4 and 7: connects to 20 servers of 5 authorization servers over the bridge', () =>
  withBridge(
    async ({ url }) => {
      await using host = await connectCallbackHost(url, { token });
      await connectAll({ servers: 20, authorizationServers: 5, tabs: 5, host });
    },
    {},
    { settle: 30_000 },
  ));

test(
  'rules 1, 4 and 7: connects to 200 servers of 20 authorization servers, or a twentieth of them',
  () =>
    connectAll({
      servers: chaosCount(200),
      authorizationServers: chaosCount(20),
      tabs: isFull() ? 20 : 2,
    }),
  { deadline: chaosDeadline(60_000) },
);

test('status() replays the last one to whoever comes late', () =>
  withMcp({}, async (mcp) => {
    await mcp.call();
    const [late] = record(mcp.auth.status(mcp.server.url)).values;
    assert.is(late?.state === 'signed_in' && late.issuer, mcp.as.issuer);
  }));

test('status() of a server that asks for no token is open', () =>
  withMcp({ auth: { fetch: () => Promise.resolve(new Response('{}')) } }, async (mcp) => {
    await mcp.auth.fetch('https://open.example/mcp')('https://open.example/mcp');
    assert.equal(record(mcp.auth.status('https://open.example/mcp')).values, [{ state: 'open' }]);
  }));

test('status() while 20 requests are sent at once names each state once', () =>
  withMcp({}, async (mcp) => {
    const status = record(mcp.auth.status(mcp.server.url));
    await mcp.crowd(20);
    requireOrder(status.values);
    mcp.server.revokeTokens();
    await mcp.crowd(20);
    const later = status.values.slice(order.length);
    assert.ok(later.every(({ state }) => state === 'signed_in'));
  }));

test('the same server in another spelling has the same tokens, and another path has not', () =>
  withMcp({}, async (mcp) => {
    await mcp.call();
    const { origin, host } = new URL(mcp.server.url);
    const spellings = [
      `${origin.toUpperCase()}/mcp`,
      `${origin}/mcp#top`,
      `HTTP://${host}/./mcp`,
      new URL(mcp.server.url),
    ];
    for (const url of spellings)
      assert.is(record(mcp.auth.status(url)).values.at(-1)?.state, 'signed_in', String(url));
    assert.is(record(mcp.auth.status(`${origin}/mcp2`)).values.at(-1)?.state, 'unknown');
  }));

test.run();
