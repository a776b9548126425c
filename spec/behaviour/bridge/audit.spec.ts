/** The audit of a bridge: when a connection is opened, rejected or closed, and why. */
import { createBridge } from '../../../src/bridge.ts';
import type { ConnectionEvent } from '../../../src/bridge/audit.ts';
import { internalsOfBridge } from '../../../src/bridge/internals.ts';
import type { Log } from '../../../src/cli/log.ts';
import { connectionLog } from '../../../src/cli/serve/connections.ts';
import * as assert from '../../helpers/assert.ts';
import { counts, shake, withBridge, withPeers, withTicket, type Bridged } from '../../helpers/bridge.ts';
import { complains } from '../../helpers/complains.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('audit of connections');

const secret = 'the-token-of-the-agent';
const agent = { name: 'agent', token: secret, roles: ['listener' as const] };
const origin = 'https://app.example';

type Make = typeof createBridge;

/** Hears what a bridge with the token `agent` tells of its connections. */
async function audited(
  body: (bridged: Bridged, heard: ConnectionEvent[]) => Promise<void>,
  make: Make = createBridge,
  trustedProxies: string[] = [],
): Promise<void> {
  const expired = { ...agent, name: 'old', token: 'the-token-of-yesterday', expiresAt: 1 };
  await withBridge(
    async (bridged) => {
      const heard: ConnectionEvent[] = [];
      internalsOfBridge(bridged.bridge).onConnection((event) => heard.push(event));
      await body(bridged, heard);
      assert.not.match(JSON.stringify(heard), /the-token|secret/);
    },
    {
      token: undefined,
      tokens: [agent, expired],
      origins: [origin],
      limits: { connectionsPerName: 1 },
    } as never,
    { trustedProxies },
    make,
  );
}

async function reasons(make?: Make): Promise<void> {
  await audited(async ({ port, url, bridge }, heard) => {
    const as = { Authorization: `Bearer ${secret}` };
    for (const [change, expected] of [
      [{ Authorization: null }, '401 no credential'],
      [{ Authorization: 'Bearer secret-of-a-stranger' }, '401 the credential is unknown'],
      [{ Authorization: 'Bearer the-token-of-yesterday' }, '401 old: the token has expired or was revoked'],
      [{ ...as, Origin: 'https://evil.example' }, '403 the origin "https://evil.example" is not allowed'],
      [withTicket('secret-ticket', origin), '401 the ticket is unknown, used or expired'],
      [{ ...as, 'Sec-WebSocket-Version': '8' }, '426 the version of WebSocket is not 13'],
      [{ ...as, 'Sec-WebSocket-Protocol': 'chat' }, /^400 the subprotocol is not /],
      [{ ...as, Host: 'evil.example' }, '403 the Host is not that of the service'],
    ] as const) {
      const { status } = await shake(port, change);
      const event = heard.pop();
      const [said] = event?.type === 'rejected' ? [event] : [];
      const text = `${said?.status} ${said?.name === undefined ? '' : `${said.name}: `}${said?.reason}`;
      assert.match(text, expected);
      assert.equal([said?.status, said?.address, heard.length], [status, '127.0.0.1', 0]);
    }
    await withPeers(url, async (open) => {
      const peer = open({ bearer: secret });
      await peer.welcome();
      assert.equal(heard, [{ type: 'connected', name: 'agent', roles: ['listener'], address: '127.0.0.1' }]);
      assert.is((await shake(port, as)).status, 429);
      const full = { status: 429, cause: 'too_many_of_name', reason: 'limits.connectionsPerName is reached' };
      assert.equal(heard.pop(), { type: 'rejected', name: 'agent', address: '127.0.0.1', ...full });
      bridge.revoke('agent');
      assert.is(await peer.closed(), 4401);
      await counts(bridge, 0);
      const closed = { by: 'service', code: 4401, reason: 'the credential was revoked' } as const;
      assert.equal(heard.pop(), { type: 'closed', name: 'agent', address: '127.0.0.1', ...closed });
      bridge.setTokens([agent]);
      const other = open({ bearer: secret });
      await other.welcome();
      other.socket.close(1000, 'done');
      await counts(bridge, 0);
      const left = { by: 'peer', code: 1000, reason: 'done' } as const;
      assert.equal(heard.pop(), { type: 'closed', name: 'agent', address: '127.0.0.1', ...left });
    });
  }, make);
}

test('tells when a connection is rejected, opened or closed, and why, and shows no credential', () =>
  reasons());

async function proxied(make?: Make): Promise<void> {
  await audited(
    async ({ port }, heard) => {
      await shake(port, { Authorization: null, 'X-Forwarded-For': '192.0.2.7' });
      assert.is(heard.pop()?.address, '192.0.2.7');
    },
    make,
    ['127.0.0.1'],
  );
  await audited(async ({ port }, heard) => {
    await shake(port, { Authorization: null, 'X-Forwarded-For': '192.0.2.7' });
    assert.is(heard.pop()?.address, '127.0.0.1');
  }, make);
}

test('tells the address that trusted proxies report, and no other', () => proxied());

for (const [name, change, body, complaint] of [
  [
    'forgets whose token has expired',
    edit(
      'const known = this.#credentials.knownBy(request);',
      'const known = undefined as Identity | undefined;',
    ),
    reasons,
    /include "401 old: the token has expired/,
  ],
  [
    'takes its own close for one of the peer',
    edit(`this.#ending ??= { by: 'service', code, reason };`, ''),
    reasons,
    /peer/,
  ],
  [
    'tells the address of the proxy',
    edit('this.#context.clientOf(request) ?? request.socket', 'request.socket'),
    proxied,
    /127\.0\.0\.1/,
  ],
] as const)
  test(`rejects a bridge that ${name}`, async () => {
    const { createBridge: make } = (await weakenedModule('bridge.ts', change)) as { createBridge: Make };
    await complains(() => body(make), complaint);
  });

test('serve logs a flood of rejections at a bounded rate, and counts the others', () => {
  const lines: string[] = [];
  const log = {
    info: (message: string) => lines.push(message),
    connection: ({ type }: ConnectionEvent) => lines.push(type),
  } as Partial<Log> as Log;
  let now = 0;
  const tell = connectionLog(log, () => now);
  const rejected = {
    type: 'rejected',
    address: '192.0.2.7',
    status: 401,
    cause: 'no_credential',
    reason: 'no credential',
  } as const;
  for (let count = 0; count < 1_000; count++) tell(rejected);
  tell({ type: 'connected', name: 'agent', roles: ['listener'], address: '192.0.2.7' });
  now = 1_000;
  tell(rejected);
  assert.equal(lines, [
    ...Array.from({ length: 20 }, () => 'rejected'),
    'connected',
    '980 more rejected connections were not logged',
    'rejected',
  ]);
});

test.run();
