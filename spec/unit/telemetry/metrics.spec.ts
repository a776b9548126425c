/** Counts of a server and its bridge; no label can grow without end. */
import { Subject } from 'rxjs';
import type { ServerEvent } from '../../../src/index.ts';
import { createMetrics, type Metrics } from '../../../src/telemetry.ts';
import * as assert from '../../helpers/assert.ts';
import { counts, newKey, proofOf, shake, withBridge, withPeers } from '../../helpers/bridge.ts';
import { certificate } from '../../helpers/tls.ts';
import { memoryStore } from '../../../src/bridge.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { withServer } from '../../helpers/endpoint.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';

const prefix = 'rx_oauth_callback_';

/** Returns the value of a sample, named without the prefix; undefined if there is none. */
async function sample(metrics: Metrics, name: string): Promise<number | undefined> {
  const lines = (await metrics.text()).split('\n');
  const line = lines.find((each) => each.startsWith(`${prefix}${name} `));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

async function samples(metrics: Metrics, ...names: string[]): Promise<(number | undefined)[]> {
  return Promise.all(names.map((name) => sample(metrics, name)));
}

const test = suite('metrics');

test('counts flows by how they ended, and how long they waited', async () => {
  const { scheduler, advance } = virtualTime();
  await withServer({ scheduler, flowTtl: 60_000 }, async ({ server, visit }) => {
    const metrics = createMetrics(server, { process: false });
    const [coded, denied, expired, cancelled] = await Promise.all([1, 2, 3, 4].map(() => server.begin()));
    assert.equal(await samples(metrics, 'flows_begun_total', 'flows_pending'), [4, 4]);
    advance(1_500);
    await visit(`/callback?code=a&state=${coded!.state}`);
    await visit(`/callback?error=access_denied&state=${denied!.state}`);
    cancelled!.cancel();
    advance(60_000);
    assert.ok(expired);
    await server.begin();
    await server.close();
    assert.equal(
      await samples(
        metrics,
        'flows_ended_total{ending="code",error=""}',
        'flows_ended_total{ending="error",error="access_denied"}',
        'flows_ended_total{ending="expired",error=""}',
        'flows_ended_total{ending="cancelled",error=""}',
        'flows_ended_total{ending="closed",error=""}',
        'flows_pending',
      ),
      [1, 1, 1, 1, 1, 0],
    );
    assert.equal(
      await samples(
        metrics,
        'flow_waiting_seconds_sum{ending="code"}',
        'flow_waiting_seconds_bucket{le="1",ending="code"}',
        'flow_waiting_seconds_bucket{le="2",ending="code"}',
        'flow_waiting_seconds_sum{ending="expired"}',
      ),
      [1.5, 0, 1, 60],
    );
  });
});

test('counts redirects by their disposition', () =>
  withServer({ settle: 1_000 }, async ({ server, visit, send }) => {
    const metrics = createMetrics(server, { process: false });
    const flow = await server.begin();
    flow.response.subscribe(() => flow.settle({ status: 'success' }));
    await visit(`/callback?code=a&state=${flow.state}`);
    await visit(`/callback?code=a&state=${flow.state}`);
    await visit('/callback?code=a&state=unknown');
    await visit('/callback?state=a&state=b');
    await send({ target: '/callback?code=a&state=b', headers: { Host: 'evil.example' } });
    await visit('/callback?code=a&state=b', { 'Sec-Purpose': 'prefetch' });
    assert.equal(
      await samples(
        metrics,
        'redirects_total{disposition="accepted",reason=""}',
        'redirects_total{disposition="duplicate",reason=""}',
        'redirects_total{disposition="unmatched",reason=""}',
        'redirects_total{disposition="malformed",reason="repeated_parameter"}',
        'redirects_total{disposition="refused",reason="wrong_host"}',
        'redirects_total{disposition="refused",reason="prefetch"}',
        'sign_ins_settled_total{outcome="success"}',
      ),
      [1, 1, 1, 1, 1, 1, 1],
    );
  }));

test('H-01 has the same labels whatever strangers and providers send', () =>
  withServer({}, async ({ server, visit }) => {
    const metrics = createMetrics(server, { process: false });
    const labels = async (): Promise<string[]> =>
      (await metrics.text()).split('\n').map((line) => line.replace(/ \S+$/, ''));
    const deny = async (error: string): Promise<void> => {
      const { state } = await server.begin();
      await visit(`/callback?error=${error}&error_description=${error}&state=${state}`);
      await visit(`/callback?code=${error}&state=${error}`);
    };
    await deny('made_up_0');
    const before = await labels();
    for (let each = 1; each < 20; each++) await deny(`made_up_${each}`);
    assert.equal(await labels(), before);
    assert.is(await sample(metrics, 'flows_ended_total{ending="error",error="other"}'), 20);
    assert.not.match(await metrics.text(), 'made_up');
  }));

test('shows the connections of a bridge', () =>
  withBridge(({ server, bridge, url }) =>
    withPeers(url, async (open) => {
      const metrics = createMetrics(server, { bridge, process: false });
      const bridged = (): Promise<(number | undefined)[]> =>
        samples(metrics, 'bridge_connections', 'bridge_listeners', 'bridge_monitors', 'bridge_queued_bytes');
      assert.equal(await bridged(), [0, 0, 0, 0]);
      const [listener, monitor, idle] = [open(), open(), open()];
      for (const peer of [listener, monitor, idle]) await peer.welcome();
      await listener.begin();
      monitor.say({ type: 'watch' });
      await monitor.next('watching');
      assert.equal(await bridged(), [3, 1, 1, 0]);
      assert.equal(bridge.stats(), { connections: 3, listeners: 1, monitors: 1, queued: 0 });
      assert.is(await sample(metrics, 'flows_pending'), 1);
    }),
  ));

test('counts connections that are opened, closed and rejected, by causes that no peer chooses', () =>
  withBridge(({ server, bridge, url, port }) =>
    withPeers(url, async (open) => {
      const metrics = createMetrics(server, { bridge, process: false });
      const names = [
        'opened_total{roles="listener monitor"}',
        'closed_total{by="peer",code="1000"}',
        'closed_total{by="peer",code="other"}',
        'closed_total{by="service",code="4401"}',
        'rejected_total{cause="no_credential"}',
        'rejected_total{cause="wrong_path"}',
        'rejected_total{cause="no_upgrade"}',
      ].map((name) => `bridge_connections_${name}`);
      const peers = [open(), open(), open(), open()] as const;
      for (const peer of peers) await peer.welcome();
      peers[0].socket.close(1000);
      peers[1].socket.close(4999, 'of the peer');
      peers[2].socket.close(3000, 'of the peer');
      await counts(bridge, 1);
      bridge.setTokens([]);
      await peers[3].closed();
      await counts(bridge, 0);
      assert.is((await shake(port, { Authorization: null })).status, 401);
      assert.is((await shake(port, {}, '/another')).status, 404);
      // A proxy has dropped `Upgrade` and `Connection`.
      assert.is((await shake(port, { Upgrade: null, Connection: null })).status, 426);
      assert.equal(await samples(metrics, ...names), [4, 1, 2, 1, 1, 1, 1]);
      metrics.close();
      assert.is((await shake(port, { Authorization: null })).status, 401);
      assert.is(await sample(metrics, names[4]!), 1);
    }),
  ));

test('tells the build, the certificate, and if the bridge drains', () =>
  withBridge(async ({ server, bridge }) => {
    let pem: string | undefined = certificate.cert;
    const metrics = createMetrics(server, { bridge, process: false, certificate: () => pem });
    const build = `build_info{version="of the source",node="${process.version}"}`;
    const expiry = 'tls_certificate_expiry_timestamp_seconds';
    const now = (): Promise<(number | undefined)[]> =>
      samples(metrics, build, expiry, 'bridge_draining', 'store_up');
    assert.equal(await now(), [1, Date.UTC(2120, 0, 1) / 1_000, 0, undefined]);
    pem = undefined;
    await bridge.drain();
    assert.equal(await now(), [1, 0, 1, undefined]);
  }));

test('tells if a shared store can be reached', async () => {
  let reachable = true;
  const store = Object.defineProperties(memoryStore(), {
    shared: { value: true },
    check: { value: () => (reachable ? Promise.resolve() : Promise.reject(new Error('away'))) },
  });
  await withBridge(
    async ({ server, bridge }) => {
      const metrics = createMetrics(server, { bridge, process: false });
      assert.is(await sample(metrics, 'store_up'), 1);
      reachable = false;
      assert.is(await sample(metrics, 'store_up'), 0);
    },
    { store },
  );
});

test('shows the bytes queued for a stalled reader, until it has read them', () =>
  withBridge(
    ({ server, bridge, url, visit }) =>
      withPeers(url, async (open) => {
        const metrics = createMetrics(server, { bridge, process: false });
        const queued = async (): Promise<number> => (await sample(metrics, 'bridge_queued_bytes')) ?? NaN;
        const [peer, state, key] = [open(), newState(), newKey()];
        const proof = proofOf(key, await peer.welcome());
        const flow = await peer.begin(state, key);
        // A large one, which is sent again each time that the flow is resumed.
        assert.is((await visit(`/callback?code=${'c'.repeat(8_000)}&state=${state}`)).status, 200);
        await peer.next('result');
        assert.is(await queued(), 0);
        peer.socket.pause();
        let asked = 0;
        const stalls = async (): Promise<void> => {
          while ((await queued()) === 0) {
            for (let n = 0; n < 100; n++)
              peer.say({ type: 'resume', ref: asked++, flowId: flow, state, proof });
            await new Promise(setImmediate);
          }
        };
        await assert.deadline(stalls(), 'a socket that takes no more');
        assert.is(await queued(), bridge.stats().queued);
        peer.socket.resume();
        while (asked-- > 0) await peer.next('result');
        assert.is(await queued(), 0);
      }),
    { limits: { burst: 1_000_000, queued: 2 ** 30, queuedInAll: 2 ** 30 } },
  ));

test('counts a flow over the bridge once', () =>
  withBridge(({ server, bridge, url, visit }) =>
    withPeers(url, async (open) => {
      const metrics = createMetrics(server, { bridge, process: false });
      const peer = open();
      await peer.welcome();
      const state = newState();
      const flow = await peer.begin(state);
      await visit(`/callback?code=a&state=${state}`);
      await peer.next('result');
      peer.say({ type: 'ack', flowIds: [flow] });
      await peer.next('acknowledged');
      const names = ['flows_begun_total', 'flows_ended_total{ending="code",error=""}', 'flows_pending'];
      assert.equal(await samples(metrics, ...names), [1, 1, 0]);
      assert.is(bridge.stats().listeners, 0);
    }),
  ));

test('shows the process, unless that is switched off', () =>
  withServer({}, async ({ server }) => {
    const [with_, without] = [createMetrics(server), createMetrics(server, { process: false })];
    assert.match(await with_.text(), /^nodejs_eventloop_lag_p99_seconds /m);
    assert.not.match(await without.text(), 'nodejs_');
    assert.match(with_.contentType, 'text/plain; version=0.0.4');
  }));

test('counts the flows of a server until it is closed', () =>
  withServer({}, async ({ server }) => {
    const events = new Subject<ServerEvent>();
    const metrics = createMetrics(server, { events, process: false });
    events.next({ type: 'begun', at: 10, flowId: '1', expiresAt: 20 });
    // A clock that was set back.
    events.next({ type: 'expired', at: 5, flowId: '1' });
    metrics.close();
    events.next({ type: 'begun', at: 10, flowId: '2', expiresAt: 20 });
    const names = ['flows_begun_total', 'flow_waiting_seconds_sum{ending="expired"}'];
    assert.equal(await samples(metrics, ...names), [1, 0]);
    assert.not.ok(events.observed);
  }));

test.run();
