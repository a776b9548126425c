import { createClient } from 'redis';
import { createBridge } from '../../src/bridge.ts';
import { createOAuthCallbackServer } from '../../src/index.ts';
import { redisStore, type RedisFlowStore } from '../../src/redis.ts';
import type { StoredFlow } from '../../src/model/flow-store.ts';
import { now, pace } from '../clock.ts';
import { obey } from '../orders.ts';
import { Awaited, token } from '../service.ts';
import { randomStates, readStates, writeStates } from '../states.ts';

// A type and not an interface, as in receiver.ts.
export type ClusterNode = {
  /** Returns the port. */
  listen(redis: string): Promise<number>;
  /** Begins `count` flows and writes their states to a file. */
  begin(count: number, file: string): Promise<void>;
  /** Consumes redirects of those flows at an even pace. */
  consume(file: string, perSecond: number): Promise<void>;
  /** Resolves once all results are here, with the µs from the redirect at the other node to the result at this one. */
  latencies(): Promise<Float64Array>;
  /** Subscribes to `count` messages of `comesBare`. */
  waitsBare(count: number): Promise<void>;
  /** Takes the same way without our code: a script sets and publishes a key, and its subscriber gets the key. */
  comesBare(count: number, perSecond: number): Promise<void>;
  /** Returns the µs of two consecutive round trips to Redis, at that pace. */
  twoTrips(count: number, perSecond: number): Promise<Float64Array>;
};

let store: RedisFlowStore;
let redis: ReturnType<typeof connect>;
let subscriber: typeof redis | undefined;
const awaited = new Awaited();
const channel = 'bench';
const arrival = { path: '/callback', mode: 'query' } as const;

function connect(url: string) {
  return createClient({ url, disableOfflineQueue: true, commandOptions: { timeout: 0 } });
}

const orders: ClusterNode = {
  async listen(url) {
    redis = connect(url);
    redis.on('error', () => undefined);
    await redis.connect();
    store = await redisStore({ client: redis, timeout: 30_000 });
    const server = createOAuthCallbackServer({ maxFlows: 1_000_000 });
    const limits = { flows: 1_000_000, burst: 10_000_000, perSecond: 10_000_000, queued: 64_000_000 };
    const bridge = createBridge(server, { token, store, limits });
    await bridge.listen();
    return server.address.port;
  },

  async begin(count, file) {
    awaited.expect(count);
    const states = randomStates(count);
    for (let at = 0; at < count; at += 500) await Promise.all(states.slice(at, at + 500).map(beginOne));
    writeStates(file, states);
  },

  async consume(file, perSecond) {
    const states = readStates(file);
    await pace(states.length, perSecond, (index) => {
      const state = states[index]!;
      void store.consume({ code: String(now()), state }, arrival);
    });
  },

  latencies: awaited.latencies,

  async waitsBare(count) {
    awaited.expect(count);
    subscriber ??= await subscribeBare();
  },

  async comesBare(count, perSecond) {
    const source = `redis.call('SET', KEYS[1], ARGV[1]) redis.call('SPUBLISH', '${channel}', KEYS[1])`;
    const script = await redis.scriptLoad(source);
    await pace(count, perSecond, (index) => {
      void redis.evalSha(script, { keys: [`bench:${index}`], arguments: [String(now())] });
    });
  },

  async twoTrips(count, perSecond) {
    awaited.expect(count);
    await redis.set('bench', 'a'.repeat(400));
    await pace(count, perSecond, () => void twice());
    return awaited.latencies();
  },
};

async function subscribeBare(): Promise<typeof redis> {
  const duplicate = redis.duplicate();
  await duplicate.connect();
  await duplicate.sSubscribe(channel, (key) => {
    void redis.get(key).then((sent) => awaited.note(now() - Number(sent)));
  });
  return duplicate;
}

async function twice(): Promise<void> {
  const start = now();
  await redis.get('bench');
  await redis.get('bench');
  awaited.note(now() - start);
}

async function beginOne(state: string): Promise<void> {
  const expectation = { path: '/callback', responseMode: 'query', issuer: undefined } as const;
  const key = 'k'.repeat(43);
  const begun = await store.begin(
    { state, expectation, redirectUri: 'http://127.0.0.1/callback', key },
    600_000,
  );
  if (typeof begun === 'string') throw new Error(begun);
  const { flow } = begun;
  const watcher = {
    wake: () => {
      store.unwatch(flow, watcher);
      void note(flow);
    },
  };
  store.watch(flow, watcher);
}

async function note({ state }: StoredFlow): Promise<void> {
  const result = await store.take(state);
  if (typeof result !== 'object' || result.type !== 'response') throw new Error('nothing to take');
  awaited.note(now() - Number(result.response.code));
  await store.acknowledge(state);
}

obey(orders);
