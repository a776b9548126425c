import { randomBytes } from 'node:crypto';
import { createBridge, type Bridge } from '../../../src/bridge/server.ts';
import { connectCallbackHost, type RemoteCallbackHost } from '../../../src/client.ts';
import { createOAuthCallbackServer, type Flow, type OAuthCallbackServer } from '../../../src/index.ts';
import { memoryStore } from '../../../src/store/memory.ts';
import * as assert from '../../helpers/assert.ts';
import { token } from '../../helpers/bridge.ts';
import { chaosCount, chaosDeadline } from '../../helpers/chaos.ts';
import { hasty } from '../../helpers/clock.ts';
import { Crowd } from '../../helpers/http.ts';
import { suite } from '../../helpers/suite.ts';
import { TcpProxy } from '../../helpers/tcp-proxy.ts';

const seed = Number(process.env['CHAOS_SEED'] ?? randomBytes(4).readUInt32BE());
const clients = 8;
const flowsInAll = chaosCount(200_000);
// Three in the suite.
const restarts = (flowsInAll / 10_000) * 3;

/** mulberry32: what the network does can be had again from its seed. */
function generator(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Fate {
  flow: Flow;
  kind: 'answered' | 'cancelled' | 'expired';
  /** The codes that its subscriber got, and how often it was told an end. */
  codes: (string | undefined)[];
  ends: string[];
  /** A redirect was answered 200. */
  accepted: boolean;
}

/** Services that follow each other on one port, over one store. */
class Services {
  readonly store = memoryStore();
  #server: OAuthCallbackServer | undefined;
  #bridge: Bridge | undefined;
  #port = 0;
  restarts = 0;

  get port(): number {
    return this.#port;
  }

  async start(proxy: TcpProxy): Promise<void> {
    const server = createOAuthCallbackServer({
      port: this.#port,
      publicUrl: `http://127.0.0.1:${proxy.port}`,
      maxFlows: 100_000,
      closeTimeout: 100,
      limits: { unmatched: 10_000_000, unmatchedPerSecond: 1_000_000 },
      logger: { debug: () => undefined, warn: (line) => console.error(line) },
    });
    const limits = {
      burst: 1_000_000,
      perSecond: 1_000_000,
      flows: 100_000,
      queued: 64_000_000,
      pings: 1_000,
    };
    const bridge = createBridge(server, { token, store: this.store, limits });
    await bridge.listen();
    this.#server = server;
    this.#bridge = bridge;
    this.#port = server.address.port;
    proxy.target = this.#port;
  }

  async restart(proxy: TcpProxy): Promise<void> {
    await this.#bridge?.close({ restart: true });
    await this.#server?.close();
    await this.start(proxy);
    this.restarts++;
  }

  async stop(): Promise<void> {
    await this.#server?.close();
  }
}

/** How many results the service has sent beyond the first of each flow. */
function redeliveries(proxy: TcpProxy): number {
  const results = proxy.heard.flatMap(
    (message) => /^\{"type":"result","flowId":"([^"]+)"/.exec(message)?.[1] ?? [],
  );
  return results.length - new Set(results).size;
}

async function inParallel<T>(
  items: readonly T[],
  lanes: number,
  run: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const lane = async (): Promise<void> => {
    for (const item of queue) await run(item);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

const test = suite('a broken network between client and service');

test(
  `K-14 K-15 loses none of ${flowsInAll.toLocaleString('en')} flows and doubles none, through cuts and restarts (CHAOS_SEED=${seed})`,
  async () => {
    const random = generator(seed);
    const services = new Services();
    using crowd = new Crowd();
    const proxy = await TcpProxy.open(undefined, { records: true });
    const hosts: RemoteCallbackHost[] = [];
    const fates: Fate[] = [];
    try {
      await services.start(proxy);
      for (let n = 0; n < clients; n++) {
        const url = `ws://127.0.0.1:${proxy.port}/bridge`;
        hosts.push(await connectCallbackHost(url, { token, scheduler: hasty }));
      }
      Object.assign(proxy.options, {
        delay: () => (random() < 0.05 ? random() * 10 : 0),
        cut: () => ({
          toService: 10_000 + random() * 400_000,
          toClient: 10_000 + random() * 400_000,
        }),
        duplicates: () => random() < 0.3,
      });
      // Cuts the unharmed connections above too.
      proxy.cutAll();

      let ended = 0;
      let everyEnd: () => void = () => undefined;
      const allEnded = new Promise<void>((resolve) => (everyEnd = resolve));
      const end = (fate: Fate, how: string): void => {
        fate.ends.push(how);
        if (fate.ends.length === 1 && ++ended === flowsInAll) everyEnd();
      };
      const restartAt = Array.from({ length: restarts }, (_, n) =>
        Math.floor(((n + 0.3 + random() * 0.5) / restarts) * flowsInAll),
      );
      let restarting = Promise.resolve();

      const live = async (n: number): Promise<void> => {
        if (restartAt.includes(n)) restarting = restarting.then(() => services.restart(proxy));
        if (random() < 0.001) proxy.cutAll();
        const dice = random();
        const kind = dice < 0.05 ? 'cancelled' : dice < 0.1 ? 'expired' : 'answered';
        const host = hosts[n % clients]!;
        const flow = await host.begin({ ttl: kind === 'expired' ? 2_000 : 600_000 });
        const fate: Fate = { flow, kind, codes: [], ends: [], accepted: false };
        fates.push(fate);
        flow.response.subscribe({
          next: ({ code }) => fate.codes.push(code),
          error: (error: unknown) => end(fate, (error as { code: string }).code),
          complete: () => end(fate, 'completed'),
        });
        if (random() < 0.3) await turn();
        if (kind === 'cancelled') flow.cancel();
        if (kind !== 'answered') return;
        const authority = `127.0.0.1:${proxy.port}`;
        const target = `/callback?code=of-${flow.state}&state=${flow.state}`;
        const url = (): string => `http://127.0.0.1:${services.port}${target}`;
        // 400 after an answer that was lost: the redirect before was accepted, and nobody was told.
        for (let status = 0; ![200, 400].includes(status);) {
          status = await crowd.status(url(), { headers: { Host: authority } });
          if (status === 200) fate.accepted = true;
          await turn();
        }
      };
      await inParallel(
        Array.from({ length: flowsInAll }, (_, n) => n),
        400,
        live,
      );
      await restarting;
      await assert.deadline(allEnded, `an end for each flow (seed ${seed})`, 120_000);

      // An acknowledged flow is gone, and only an ended flow can be acknowledged.
      const forgotten = async (): Promise<number> => {
        let left = 0;
        for (const { flow } of fates) if (await services.store.read(flow.state)) left++;
        return left;
      };
      const isForgotten = (async () => {
        while ((await forgotten()) > 0) await turn();
      })();
      await assert.deadline(isForgotten, `acknowledgements (seed ${seed})`, 120_000);

      const count = (which: (fate: Fate) => boolean): number => fates.filter(which).length;
      const { opened, cut, doubled } = proxy.counts;
      const said = `seed ${seed}, ${redeliveries(proxy)} redeliveries, ${opened} connections, ${cut} cut, ${doubled} doubled`;
      console.log(said);
      const lost = count(
        ({ accepted, codes, flow }) => accepted && codes.length === 1 && codes[0] !== `of-${flow.state}`,
      );
      assert.is(lost, 0, `wrong codes: ${said}`);
      assert.is(
        count(({ accepted, codes }) => accepted && codes.length === 0),
        0,
        `lost: ${said}`,
      );
      assert.is(
        count(({ codes }) => codes.length > 1),
        0,
        `doubled: ${said}`,
      );
      assert.is(
        count(({ ends }) => ends.length !== 1),
        0,
        `terminal events: ${said}`,
      );
      const wanted = { answered: 'completed', cancelled: 'cancelled', expired: 'expired' };
      assert.is(
        count(({ kind, ends }) => ends[0] !== wanted[kind]),
        0,
        `another end: ${said}`,
      );
      assert.is(fates.length, flowsInAll);
      assert.is(services.restarts, restarts);
      assert.ok(cut > 5 && doubled > 0, `the network was too good: ${said}`);
    } finally {
      await Promise.all(hosts.map((host) => host.close()));
      await services.stop();
      await proxy.close();
    }
  },
  { deadline: chaosDeadline(300_000) },
);

test.run();
