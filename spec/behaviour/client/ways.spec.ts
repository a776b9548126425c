/** How a client connects: through a proxy, with a ticket, with options that are wrong. */
import { createServer, request, Agent as HttpAgent, type IncomingMessage } from 'node:http';
import https, { Agent, type RequestOptions } from 'node:https';
import { connect as dial, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as secure } from 'node:tls';
import { connectCallbackHost as inBrowser } from '../../../src/client-browser.ts';
import { ConnectionError, connectCallbackHost, type ConnectOptions } from '../../../src/client.ts';
import { createOAuthCallbackServer, InvalidOptionError } from '../../../src/index.ts';
import { createBridge } from '../../../src/bridge/server.ts';
import * as assert from '../../helpers/assert.ts';
import { token, withBridge } from '../../helpers/bridge.ts';
import { complains } from '../../helpers/complains.ts';
import { listenOnLoopback, type Loopback } from '../../helpers/loopback.ts';
import { RogueService } from '../../helpers/rogue-service.ts';
import { suite } from '../../helpers/suite.ts';
import { certificate } from '../../helpers/tls.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

type Connect = typeof connectCallbackHost;

const test = suite('ways to a service');

/** A proxy for `CONNECT`. `asked` has the authorities that it was asked for. */
async function startProxy(): Promise<Loopback & { readonly asked: string[] }> {
  const asked: string[] = [];
  const server = createServer().on('connect', ({ url = '' }: IncomingMessage, client: Socket) => {
    asked.push(url);
    const { port } = new URL(`http://${url}`);
    const onward = dial(Number(port), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.pipe(client).pipe(onward);
    });
    for (const end of [onward, client])
      end.on('error', () => undefined).on('close', () => [onward, client].forEach((each) => each.destroy()));
  });
  return { ...(await listenOnLoopback(server)), asked };
}

/** Opens its connections through a proxy, as the agents of many packages do. */
class Tunnel extends Agent {
  readonly #proxy: string;

  constructor(proxy: string) {
    super({ ca: certificate.cert });
    this.#proxy = proxy;
  }

  override createConnection(
    options: RequestOptions,
    done: (error: Error | null, stream: Duplex) => void = () => undefined,
  ): undefined {
    const { port } = new URL(this.#proxy);
    const asking = request({
      port,
      host: '127.0.0.1',
      method: 'CONNECT',
      path: `${options.host}:${options.port}`,
    });
    asking.on('connect', (_answer, socket) =>
      done(null, secure({ host: String(options.host), socket, ca: certificate.cert })),
    );
    asking.on('error', (error) => done(error, asking.socket as Socket));
    asking.end();
    return undefined;
  }
}

/** A bridge over TLS. */
async function withSecureBridge(body: (url: string) => Promise<void>): Promise<void> {
  const server = createOAuthCallbackServer({ tls: certificate });
  try {
    const bridge = createBridge(server, { token });
    await bridge.listen();
    await body(`wss://127.0.0.1:${server.address.port}/bridge`);
  } finally {
    await server.close();
  }
}

const goesThroughAgent = (connect: Connect): Promise<void> =>
  withSecureBridge(async (url) => {
    await using proxy = await startProxy();
    const agent = new Tunnel(proxy.origin);
    const host = await connect(url, { token, agent });
    assert.ok((await host.begin()).id);
    assert.equal(proxy.asked, [new URL(url).host], 'what the proxy was asked for');
    await host.close();
    agent.destroy();
  });

const goesThroughGlobalAgent = (connect: Connect): Promise<void> =>
  withSecureBridge(async (url) => {
    await using proxy = await startProxy();
    const { globalAgent } = https;
    const agent = (https.globalAgent = new Tunnel(proxy.origin));
    try {
      const host = await connect(url, { token });
      await host.close();
      assert.equal(proxy.asked, [new URL(url).host], 'what the proxy was asked for');
    } finally {
      https.globalAgent = globalAgent;
      agent.destroy();
    }
  });

test('connects by the agent that it is given', () => goesThroughAgent(connectCallbackHost));

test('connects by the agent of all requests, which knows the proxy of the environment', () =>
  goesThroughGlobalAgent(connectCallbackHost));

for (const [weakness, check, find, replace] of [
  ['ignores its agent', goesThroughAgent, 'const way = { ...(agent && { agent }),', 'const way = {'],
  [
    'goes straight',
    goesThroughGlobalAgent,
    "...(url.startsWith('wss:') && { agent: https.globalAgent })",
    '',
  ],
] as const) {
  test(`the control: a client that ${weakness} does not reach the service through its proxy`, async () => {
    const twin = (await weakenedModule('client.ts', edit(find, replace))) as { connectCallbackHost: Connect };
    await complains(() => check(twin.connectCallbackHost), /cannot be reached|self.signed|DEPTH_ZERO/i);
  });
}

test('reaches a service on this machine without any agent', async () => {
  await using service = await RogueService.open();
  const { globalAgent } = https;
  https.globalAgent = new Tunnel('http://127.0.0.1:1');
  try {
    await (await connectCallbackHost(service.url, { token })).close();
  } finally {
    https.globalAgent = globalAgent;
  }
});

const origin = 'https://app.example';

test('J-06 uses a ticket outside of a browser, with the origin that it was issued for', () =>
  withBridge(
    async ({ url, bridge }) => {
      const ticket = (): string => bridge.issueTicket({ origin, name: 'ada' });
      const host = await connectCallbackHost(url, { ticket, origin });
      assert.ok((await host.begin()).id);
      await host.close();
      // The control: no other one, and none.
      const other = { ticket, origin: 'https://other.example' };
      assert.is((await assert.rejects(connectCallbackHost(url, other), ConnectionError)).status, 403);
      const error = assert.throws(() => void connectCallbackHost(url, { ticket }), InvalidOptionError);
      assert.match(error.message, /^origin must be given with a ticket/);
    },
    { origins: [origin, 'https://other.example'] },
  ));

const wrong: readonly (readonly [what: string, options: unknown, message: RegExp])[] = [
  ['an unknown option', { token, tokens: [] }, /^tokens is not an option of connectCallbackHost$/],
  ['no credential', {}, /^token or a ticket is needed/],
  ['two credentials', { token, ticket: 't', origin }, /^token or a ticket is needed/],
  ['an empty token', { token: '' }, /^token must be a text of visible ASCII characters/],
  [
    'a token with a line break',
    { token: 'a\nX-Evil: 1' },
    /^token must be a text of visible ASCII characters/,
  ],
  ['a token that is a number', { token: 5 }, /^token must be a text of visible ASCII characters/],
  ['no options', undefined, /^options of connectCallbackHost must be an object/],
];

for (const [what, options, message] of wrong)
  test(`throws for ${what}, and does not show it`, () => {
    const error = assert.throws(
      () => void connectCallbackHost('ws://127.0.0.1:1/bridge', options as ConnectOptions),
      InvalidOptionError,
    );
    assert.match(error.message, message);
    assert.not.match(error.message, /Evil|a-token/);
  });

test('takes neither an agent nor an origin in a browser', () => {
  for (const [option, value] of [
    ['agent', new HttpAgent()],
    ['origin', origin],
  ] as const) {
    const error = assert.throws(
      () => void inBrowser('wss://service.example/bridge', { ticket: 't', [option]: value }),
      InvalidOptionError,
    );
    assert.is(error.option, option);
  }
});

test.run();
