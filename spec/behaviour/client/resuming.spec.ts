/** Many flows on one connection, after the service has restarted. */
import { firstValueFrom } from 'rxjs';
import { createBridge } from '../../../src/bridge/server.ts';
import { connectCallbackHost, type RemoteCallbackHost } from '../../../src/client.ts';
import { connect } from '../../../src/client/host.ts';
import type { TransportHandlers } from '../../../src/client/transport.ts';
import { createOAuthCallbackServer, type Flow } from '../../../src/index.ts';
import { memoryStore } from '../../../src/store/memory.ts';
import * as assert from '../../helpers/assert.ts';
import { token } from '../../helpers/bridge.ts';
import { chaosCount, chaosDeadline, isFull } from '../../helpers/chaos.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { complains } from '../../helpers/complains.ts';
import { Crowd } from '../../helpers/http.ts';
import { suite } from '../../helpers/suite.ts';
import { TcpProxy } from '../../helpers/tcp-proxy.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

type Connect = typeof connect;

/** A service that answers so many `resume` on each connection, and then ends it. */
class Impatient {
  readonly time = virtualTime();
  readonly resumed = new Set<unknown>();
  readonly #most: number;
  #left = 0;
  connections = 0;
  ended = false;
  end: () => void = () => undefined;

  constructor(most: number) {
    this.#most = most;
  }

  open = (_url: string, _credential: string, handlers: TransportHandlers) => {
    const say = (message: object): void => handlers.message(JSON.stringify(message));
    const common = { redirectUri: 'http://127.0.0.1/callback', expiresAt: 3_600_000 };
    this.connections++;
    this.ended = false;
    this.end = () => {
      this.ended = true;
      handlers.closed(4429);
    };
    this.#left = this.#most;
    setImmediate(() =>
      say({
        type: 'welcome',
        roles: ['listener'],
        nonce: String(this.connections),
        epoch: 'e',
        ...common,
        now: 0,
        burst: 1_000,
        perSecond: 1_000,
      }),
    );
    return {
      send: (text: string) => {
        const { type, ref, flowId } = JSON.parse(text) as { type: string; ref: number; flowId: string };
        if (type === 'begin') setImmediate(() => say({ type: 'begun', ref, flowId: `f${ref}`, ...common }));
        if (type !== 'resume' || this.#left === 0) return;
        this.resumed.add(flowId);
        const last = --this.#left === 0;
        setImmediate(() => {
          say({ type: 'resumed', ref, flowId });
          if (last) this.end();
        });
      },
      close: () => setImmediate(() => handlers.closed(1000)),
    };
  };
}

/** Resumes 100 flows over connections that each last for 10 of them. */
async function resumesAll(using: Connect): Promise<void> {
  const service = new Impatient(10);
  const { scheduler, advance } = service.time;
  const host = await using('ws://127.0.0.1/bridge', { token: 't', scheduler }, service.open);
  try {
    for (let count = 0; count < 100; count++) await host.begin();
    service.end();
    const attempts = async (): Promise<void> => {
      while (service.resumed.size < 100 && service.connections < 20) {
        // Time stands still while the client computes its proofs.
        if (service.ended) advance(1_000);
        await new Promise(setImmediate);
      }
    };
    await assert.deadline(attempts(), 'the attempts');
    assert.equal([service.resumed.size, service.connections], [100, 11], 'each flow has been resumed');
  } finally {
    await host.close();
  }
}

const test = suite('resuming many flows');

test('K-16 resumes first what has waited longest, so that no flow starves', () => resumesAll(connect));

test('the control: a client that always begins with the same flows never gets to the others', async () => {
  const twin = (await weakenedModule(
    'client/host.ts',
    edit('if (this.#flows.delete(flow.id)) this.#flows.set(flow.id, flow);', ''),
  )) as { connect: Connect };
  await complains(() => resumesAll(twin.connect), /each flow has been resumed/);
});

const flowCount = chaosCount(1_500);

test(
  `K-16 gets ${flowCount} flows back after a restart, over a network of 20 ms and up to 10 more, within the limits`,
  async () => {
    const store = memoryStore();
    const proxy = await TcpProxy.open(undefined, {
      waits: true,
      delay: () => 20 + Math.random() * 10,
    });
    using crowd = new Crowd();
    /** As many at once as the service takes, in proportion to the flows. */
    const limits = { burst: chaosCount(500) };
    const start = async () => {
      const server = createOAuthCallbackServer({ publicUrl: `http://127.0.0.1:${proxy.port}` });
      const bridge = createBridge(server, { token, store, limits });
      await bridge.listen();
      return { server, bridge, port: server.address.port };
    };
    let host: RemoteCallbackHost | undefined;
    const one = await start();
    let service = one;
    try {
      proxy.target = one.port;
      const url = `ws://127.0.0.1:${proxy.port}/bridge`;
      host = await connectCallbackHost(url, { token });
      const flows: Flow[] = await Promise.all(Array.from({ length: flowCount }, () => host!.begin()));
      const codes = flows.map(({ response }) => firstValueFrom(response));
      assert.is(proxy.counts.opened, 1, 'connections until all were begun');
      proxy.target = undefined;
      await one.bridge.close({ restart: true });
      await one.server.close();
      service = await start();
      proxy.target = service.port;
      while (!host.connected) await new Promise(setImmediate);
      const welcomed = performance.now();
      const headers = { Host: `127.0.0.1:${proxy.port}` };
      for (const { state } of flows)
        void crowd.status(`http://127.0.0.1:${service.port}/callback?code=c&state=${state}`, { headers });
      const responses = await assert.deadline(Promise.all(codes), 'the response of every flow', 60_000);
      const ms = Math.round(performance.now() - welcomed);
      console.log(`  ${flowCount} responses ${ms} ms after the welcome`);
      assert.is(responses.filter(({ code }) => code === 'c').length, flowCount);
      assert.is(proxy.counts.opened, 2, 'connections');
      if (isFull()) assert.ok(ms < 10_000, `${ms} ms`);
    } finally {
      await host?.close();
      await service.server.close();
      await proxy.close();
    }
  },
  { deadline: chaosDeadline(60_000) },
);

test.run();
