/** A bridge that all tenants share. A listener or monitor of one tenant reaches no flow, event or number of another. */
import { createBridge, type BridgeToken } from '../../../src/bridge.ts';
import { internalsOfBridge } from '../../../src/bridge/internals.ts';
import type { ConnectionEvent } from '../../../src/bridge/audit.ts';
import { connectCallbackHost } from '../../../src/client.ts';
import { InvalidOptionError, type ServerOptions } from '../../../src/index.ts';
import { createTenants, type TenantOptions, type Tenants } from '../../../src/tenants.ts';
import { createMetrics } from '../../../src/telemetry.ts';
import { mountOperator } from '../../../src/telemetry/mount.ts';
import * as assert from '../../helpers/assert.ts';
import {
  counts,
  newKey,
  proofOf,
  shake,
  withBridge,
  withPeers,
  withTicket,
  type Bridged,
  type CreateBridge,
  type Peer,
} from '../../helpers/bridge.ts';
import { complains } from '../../helpers/complains.ts';
import { hasty } from '../../helpers/clock.ts';
import { send, visit } from '../../helpers/http.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule, type Edit } from '../../helpers/weakened.ts';

const test = suite('behaviour/tenants/bridge');

const tenantsOf: Readonly<Record<string, TenantOptions>> = {
  acme: { callbackPath: '/acme/callback', productName: 'Acme', maxFlows: 3 },
  globex: { callbackPath: '/globex/callback', productName: 'Globex' },
};

/** A token for both roles. A name may be one of several tenants. */
const tokenOf = (tenant: string | undefined, name = 'agent'): BridgeToken => ({
  name,
  token: `the-token-of-${name}-of-${tenant ?? 'the-service'}`,
  roles: ['listener', 'monitor'],
  tenant,
});

const bearerOf = (tenant: string | undefined, name?: string): string => tokenOf(tenant, name).token;

const tokens = [tokenOf(undefined), tokenOf('acme'), tokenOf('globex'), tokenOf('gone')];

function withTenants(
  body: (bridged: Bridged & { tenants: Tenants }) => Promise<void>,
  create?: CreateBridge,
  options: ServerOptions = {},
): Promise<void> {
  return withBridge(
    async (bridged) => {
      const tenants = createTenants(bridged.server, { tenants: tenantsOf });
      await tenants.listen();
      await body({ ...bridged, tenants });
    },
    { tokens, origins: ['https://app.example'] },
    options,
    create,
  );
}

/** Shows that a listener of acme begins acme's flows, and that one of globex cannot touch them. */
async function checkListeners(create: CreateBridge = createBridge): Promise<void> {
  await withTenants(async ({ url, port, tenants }) => {
    await withPeers(url, async (open) => {
      const acme = open({ bearer: bearerOf('acme') });
      const globex = open({ bearer: bearerOf('globex') });
      const own = open({ bearer: bearerOf(undefined) });
      const welcomes = await Promise.all([acme, globex, own].map((peer) => peer.next('welcome')));
      assert.equal(
        welcomes.map(({ redirectUri }) => new URL(redirectUri).pathname),
        ['/acme/callback', '/globex/callback', '/callback'],
      );
      const [state, key] = [newState(), newKey()];
      acme.say({ type: 'begin', ref: 1, state, key });
      const begun = await acme.next('begun');
      assert.is(new URL(begun.redirectUri).pathname, '/acme/callback');
      assert.equal([tenants.tenant('acme').pending, tenants.tenant('globex').pending], [1, 0]);
      for (const [index, peer] of [globex, own].entries()) {
        const { nonce } = welcomes[index + 1]!;
        const { flowId } = begun;
        peer.say({ type: 'resume', ref: 2, flowId, state, proof: proofOf(key, nonce) });
        assert.is((await peer.next('failed')).code, 'unknown_flow', 'resumed by another tenant');
        peer.say({ type: 'cancel', flowId });
        peer.say({ type: 'ack', flowIds: [flowId] });
        const outcome = { status: 'failure', message: 'x' };
        peer.say({ type: 'settle', flowId, outcome, state, proof: proofOf(key, nonce) });
        await peer.heardAll();
      }
      assert.is(tenants.tenant('acme').pending, 1, 'flows of acme');
      // The same state is another flow.
      globex.say({ type: 'begin', ref: 3, state, key });
      const other = await globex.next('begun');
      assert.is.not(other.flowId, begun.flowId);
      assert.is((await visit(port, `/globex/callback?code=g&state=${state}`)).status, 200);
      const { result } = await globex.next('result');
      assert.is(result.type === 'response' && result.response.code, 'g');
      assert.is((await visit(port, `/callback?code=s&state=${state}`)).status, 400);
      await acme.heardAll();
      assert.ok(
        acme.heard.every(({ type }) => type !== 'result'),
        'a result of another tenant',
      );
      assert.is((await visit(port, `/acme/callback?code=a&state=${state}`)).status, 200);
      const received = await acme.next('result');
      assert.is(received.result.type === 'response' && received.result.response.code, 'a');
    });
  }, create);
}

test("L-03 L-05 gives each tenant's listeners their own flows, and none of another", () => checkListeners());

/** Shows that a listener without WebSocket has its own tenant's flows too. */
test('L-03 keeps flows of plain HTTP to their tenant', () =>
  withTenants(async ({ port, tenants }) => {
    const [key, state] = [newKey(), newState()];
    const ask = (method: string, tenant: string | undefined, body?: object) =>
      send(port, {
        method,
        target: '/bridge/flow',
        headers: {
          Authorization: `Bearer ${bearerOf(tenant)}`,
          'Flow-Key': key,
          'Flow-State': state,
          ...(body && { 'Content-Type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
      });
    const begun = await ask('POST', 'acme', {});
    assert.match(begun.body, /\/acme\/callback/);
    assert.is(tenants.tenant('acme').pending, 1);
    for (const tenant of ['globex', undefined]) {
      assert.is((await ask('GET', tenant)).status, 404);
      await ask('DELETE', tenant);
      assert.is(tenants.tenant('acme').pending, 1);
    }
    assert.is((await ask('GET', 'gone')).status, 403);
    await visit(port, `/acme/callback?code=a&state=${state}`);
    assert.match((await ask('GET', 'acme')).body, /"code": ?"a"/);
  }));

/** Hears what a monitor is sent until now. */
async function watch(peer: Peer): Promise<void> {
  await peer.welcome();
  peer.say({ type: 'watch', since: 0 });
  await peer.next('watching');
}

/** Shows that a monitor of acme sees acme only, and one of the service all tenants. */
async function checkMonitors(create: CreateBridge = createBridge): Promise<void> {
  await withTenants(async ({ url, port, tenants, server }) => {
    const waiting = await tenants.tenant('globex').begin({ label: 'a secret of globex' });
    await tenants.tenant('acme').begin({ label: 'of acme' });
    await server.begin({ label: 'of the service' });
    await visit(port, `/globex/callback?code=c&state=${newState()}`);
    await visit(port, `/acme/callback?code=c&state=${newState()}`);
    await withPeers(url, async (open) => {
      const acme = open({ bearer: bearerOf('acme') });
      const operator = open({ bearer: bearerOf(undefined) });
      await watch(acme);
      await watch(operator);
      const flows = await Promise.all([acme, operator].map((peer) => peer.next('flows')));
      assert.equal(
        flows.map(({ waiting }) =>
          waiting
            .map(({ label = '', tenant }) => [label, tenant])
            .sort(([one], [other]) => one!.localeCompare(other!)),
        ),
        [
          [['of acme', 'acme']],
          [
            ['a secret of globex', 'globex'],
            ['of acme', 'acme'],
            ['of the service', undefined],
          ],
        ],
        'the flows that wait',
      );
      const pending = await Promise.all([acme, operator].map((peer) => peer.next('pending')));
      assert.equal(
        pending.map((each) => each.pending),
        [1, 3],
      );
      const [{ service }] = await Promise.all([acme.next('service')]);
      assert.equal([service.name, service.node, service.connections], ['Acme', undefined, 1]);
      waiting.cancel();
      await Promise.all([acme.heardAll(), operator.heardAll()]);
      const tenantsSeen = (peer: Peer): (string | undefined)[] =>
        peer.heard.flatMap((message) =>
          message.type === 'event' ? [message.event['tenant'] as string | undefined] : [],
        );
      assert.equal([...new Set(tenantsSeen(acme))], ['acme'], 'events of another tenant');
      assert.equal(new Set(tenantsSeen(operator)), new Set(['acme', 'globex', undefined]));
      const counted = tenantsSeen(operator).filter((tenant) => tenant === 'globex');
      assert.ok(counted.length >= 3, 'events of globex');
      assert.not.match(JSON.stringify(acme.heard), /globex/);
    });
  }, create);
}

test('shows a monitor of a tenant its own events, counts and flows, and an operator all', () =>
  checkMonitors());

const twins: readonly (readonly [string, Edit, (create: CreateBridge) => Promise<void>, RegExp])[] = [
  [
    'gives every listener the flows of the service',
    edit('return tenant === undefined ? this.own : this.#byTenant.get(tenant);', 'return this.own;'),
    checkListeners,
    /acme/,
  ],
  [
    'shows every event to all',
    edit(
      'if (event.tenant !== undefined) this.#desks.of(event)?.context.feed.push(event);',
      'for (const { context } of this.#desks.ofTenants()) context.feed.push(event);',
    ),
    checkMonitors,
    /events of another tenant/,
  ],
  [
    'lists the flows of all tenants',
    edit('? [this.#desks.of({ tenant: only.name })]', '? [this.#desks.own, ...this.#desks.ofTenants()]'),
    checkMonitors,
    /the flows that wait/,
  ],
];

for (const [name, change, check, complaint] of twins)
  test(`finds a bridge that ${name}`, async () => {
    const { createBridge: create } = (await weakenedModule('bridge/server.ts', change)) as {
      createBridge: CreateBridge;
    };
    await complains(() => check(create), complaint);
  });

test('rejects a credential whose tenant does not exist, and names tenants in its audit', () =>
  withTenants(async ({ bridge, port, url }) => {
    const heard: ConnectionEvent[] = [];
    internalsOfBridge(bridge).onConnection((event) => heard.push(event));
    assert.is((await shake(port, { Authorization: `Bearer ${bearerOf('gone')}` })).status, 403);
    await withPeers(url, async (open) => {
      await open({ bearer: bearerOf('acme') }).welcome();
      await open({ bearer: bearerOf(undefined) }).welcome();
      bridge.revoke('agent', 'acme');
      await counts(bridge, 1);
    });
    await counts(bridge, 0);
    assert.is((await shake(port, { Authorization: `Bearer ${bearerOf('acme')}` })).status, 401);
    assert.is((await shake(port, { Authorization: `Bearer ${bearerOf('globex')}` })).status, 101);
    assert.equal(
      heard.slice(0, 4).map((event) => [event.type, event.tenant, 'cause' in event ? event.cause : '']),
      [
        ['rejected', undefined, 'unknown_tenant'],
        ['connected', 'acme', ''],
        ['connected', undefined, ''],
        ['closed', 'acme', ''],
      ],
    );
  }));

test('a ticket carries the tenant', () =>
  withTenants(async ({ bridge, url }) => {
    const origin = 'https://app.example';
    const ticket = bridge.issueTicket({ origin, tenant: 'acme' });
    await withPeers(url, async (open) => {
      const page = open({ ticket, origin });
      assert.is(new URL((await page.next('welcome')).redirectUri).pathname, '/acme/callback');
    });
    const gone = bridge.issueTicket({ origin, tenant: 'gone' });
    assert.is((await shake(new URL(url.replace('ws', 'http')), withTicket(gone, origin))).status, 403);
  }));

test('gives one token to one tenant only', () =>
  withTenants(({ bridge }) => {
    const both = [tokenOf('acme'), { ...tokenOf('globex'), token: bearerOf('acme') }];
    const error = assert.throws(() => bridge.setTokens(both), InvalidOptionError);
    assert.match(error.message, /see the tokens agent of acme and agent of globex$/);
    bridge.setTokens(tokens);
    return Promise.resolve();
  }));

test('shows the metrics to operators only', () =>
  withTenants(async ({ server, bridge, port }) => {
    const undo = mountOperator(server, bridge, { unready: () => undefined });
    const ask = async (tenant: string | undefined): Promise<number> =>
      (await send(port, { target: '/healthz', headers: { Authorization: `Bearer ${bearerOf(tenant)}` } }))
        .status;
    assert.equal([await ask(undefined), await ask('acme'), await ask('gone')], [200, 404, 404]);
    undo();
  }));

test('have metrics of their own, beside those of the service', () =>
  withTenants(async ({ server, bridge, port, url, tenants }) => {
    const metrics = createMetrics(server, { bridge, process: false });
    const valueOf = async (name: string): Promise<number | undefined> => {
      const line = (await metrics.text())
        .split('\n')
        .find((each) => each.startsWith(`rx_oauth_callback_${name} `));
      return line === undefined ? undefined : Number(line.split(' ').at(-1));
    };
    const flow = await tenants.tenant('acme').begin();
    await server.begin();
    await using host = await connectCallbackHost(url, { token: bearerOf('globex') });
    await host.begin();
    for (const [name, value] of [
      ['flows_pending', 1],
      ['flows_pending{tenant="acme"}', 1],
      ['flows_pending{tenant="globex"}', 1],
      ['flows_begun_total', 1],
      ['flows_begun_total{tenant="acme"}', 1],
      ['bridge_connections', 0],
      ['bridge_connections{tenant="globex"}', 1],
      ['bridge_connections_opened_total{roles="listener monitor",tenant="globex"}', 1],
    ] as const)
      assert.is(await valueOf(name), value, name);
    assert.is((await visit(port, `/acme/callback?code=c&state=${flow.state}`)).status, 200);
    await visit(port, `/globex/callback?code=c&state=${flow.state}`);
    for (const name of [
      'redirects_total{disposition="accepted",reason="",tenant="acme"}',
      'redirects_total{disposition="unmatched",reason="",tenant="globex"}',
      'flows_ended_total{ending="code",error="",tenant="acme"}',
    ])
      assert.is(await valueOf(name), 1, name);
    await tenants.replace({ globex: tenantsOf['globex']! });
    assert.is(await valueOf('flows_pending{tenant="acme"}'), undefined);
    metrics.close();
  }));

test('L-13 holds a tenant to its flows, and no other', () =>
  withTenants(async ({ url, tenants }) => {
    await withPeers(url, async (open) => {
      const [acme, globex] = [open({ bearer: bearerOf('acme') }), open({ bearer: bearerOf('globex') })];
      await Promise.all([acme.welcome(), globex.welcome()]);
      const flood = Array.from({ length: 300 }, (_, ref) => {
        acme.say({ type: 'begin', ref, state: newState(), key: newKey() });
        return ref;
      });
      for (let n = 0; n < 20; n++) await globex.begin();
      await acme.heardAll();
      const answers = acme.heard.filter(({ type }) => type === 'begun' || type === 'failed');
      assert.is(answers.length, flood.length);
      assert.is(answers.filter(({ type }) => type === 'begun').length, 2);
      assert.equal([tenants.tenant('acme').pending, tenants.tenant('globex').pending], [2, 20]);
    });
  }));

test('keeps the flows of a tenant through a change, and ends those of one that is removed', () =>
  withTenants(async ({ url, tenants, port }) => {
    await using acme = await connectCallbackHost(url, { token: bearerOf('acme'), scheduler: hasty });
    await using globex = await connectCallbackHost(url, { token: bearerOf('globex'), scheduler: hasty });
    const [kept, ended] = [await acme.begin(), await globex.begin()];
    const codes: (string | undefined)[] = [];
    const errors: unknown[] = [];
    const arrived = new Promise<void>((resolve) =>
      kept.response.subscribe({
        next: ({ code }) => {
          codes.push(code);
          resolve();
        },
      }),
    );
    const over = new Promise<void>((resolve) =>
      ended.response.subscribe({
        error: (error: unknown) => {
          errors.push(error);
          resolve();
        },
      }),
    );
    await tenants.replace({ acme: { ...tenantsOf['acme']!, productName: 'Acme Two' } });
    await assert.deadline(over, 'the end of a flow whose tenant is removed');
    assert.is((errors[0] as { code: string }).code, 'cancelled');
    const page = await visit(port, `/acme/callback?code=late&state=${kept.state}`);
    assert.is(page.status, 200);
    assert.match(page.body, /Acme Two/);
    await assert.deadline(arrived, 'the response after the change');
    assert.equal(codes, ['late']);
    assert.is((await shake(port, { Authorization: `Bearer ${bearerOf('globex')}` })).status, 403);
  }));

test.run();
