import { createClient } from 'redis';
import { RedisServer } from '../../spec/helpers/redis-server.ts';
import { Child } from '../child.ts';
import type { Measure } from '../context.ts';
import type { Line } from '../line.ts';
import type { ClusterNode } from '../programs/cluster-node.ts';
import type { Load } from '../programs/load.ts';
import type { Waiter } from '../service.ts';
import { StatesFile } from '../states.ts';
import { median, quantile } from '../statistics.ts';
import { short } from '../table.ts';

const each = 4_000;
const perSecond = 500;
const waiting = 20_000;

/** Cost of a sign-in: sign-ins a second by the clock, µs of processor time of all nodes, scripts in Redis. */
interface Cost {
  rate: number;
  cpu: number;
  scripts: number;
}

export const cluster: Measure = async ({ rounds, tell }) => {
  await using redis = await RedisServer.start();
  const costs: { nodes: number; cost: Cost }[] = [];
  for (const nodes of [1, 2, 4]) {
    const cost = await signIns(redis, nodes);
    tell(`${nodes} nodes: ${short(cost.rate)} sign-ins/s, ${short(cost.cpu)} µs of the nodes each`);
    costs.push({ nodes, cost });
  }
  const [one, , four] = costs as [(typeof costs)[0], (typeof costs)[0], (typeof costs)[0]];
  const rates = costs.map(({ nodes, cost }) => `${nodes}: ${short(cost.rate)}`).join(', ');
  return [
    {
      measure: 'cluster',
      what: 'processor time of a sign-in at 4 nodes ÷ at 1',
      value: four.cost.cpu / one.cost.cpu,
      reach: { most: 1.5 },
      ours: `${short(four.cost.cpu)} µs`,
      against: `${short(one.cost.cpu)} µs; sign-ins/s by nodes ${rates}`,
    },
    {
      measure: 'cluster',
      what: 'scripts in Redis for a sign-in',
      value: four.cost.scripts,
      unit: '',
      reach: { most: 4.2 },
      ours: 'begin, consume, take, acknowledge',
      against: '',
    },
    await bytesEach(redis),
    ...(await crossing(redis, rounds, tell)),
  ];
};

/** Measures sign-ins whose listener is at another node than the redirect, if there is more than one. */
async function signIns(redis: RedisServer, count: number): Promise<Cost> {
  await using stack = new Stack();
  const nodes = Array.from({ length: count }, () => stack.use(new Child<ClusterNode>('cluster-node')));
  const ports = await Promise.all(nodes.map((node) => node.ask('listen', redis.url)));
  const listeners = ports.map(() => stack.use(new Child<Waiter>('listener')));
  await Promise.all(listeners.map((listener, n) => listener.ask('connect', ports[(n + 1) % count]!)));
  const load = stack.use(new Child<Load>('load'));
  const files = ports.map(() => new StatesFile());
  try {
    const run = async (): Promise<Cost> => {
      const share = Math.floor(each / count);
      const cpu = async (): Promise<number> =>
        (await Promise.all(nodes.map((node) => node.ask('cpu')))).reduce((sum, used) => sum + used, 0);
      const [scripts, used, began] = [await scriptsOf(redis), await cpu(), performance.now()];
      await Promise.all(listeners.map((listener, n) => listener.ask('prepare', share, files[n]!.path)));
      for (const [n, port] of ports.entries()) await load.ask('fire', [{ port, file: files[n]!.path }]);
      await Promise.all(listeners.map((listener) => listener.ask('latencies')));
      const seconds = (performance.now() - began) / 1_000;
      const done = share * count;
      return {
        rate: done / seconds,
        cpu: ((await cpu()) - used) / done,
        scripts: ((await scriptsOf(redis)) - scripts) / done,
      };
    };
    await run();
    return await run();
  } finally {
    for (const file of files) file[Symbol.dispose]();
  }
}

async function bytesEach(redis: RedisServer): Promise<Line> {
  await using node = new Child<ClusterNode>('cluster-node');
  using states = new StatesFile();
  await node.ask('listen', redis.url);
  await node.ask('begin', 2_000, states.path);
  const before = await memoryOf(redis);
  await node.ask('begin', waiting, states.path);
  const bytes = ((await memoryOf(redis)) - before) / waiting;
  return {
    measure: 'cluster',
    what: 'memory of Redis for a waiting flow',
    value: bytes,
    unit: 'B',
    reach: { most: 1_024 },
    ours: `${short(bytes)} B`,
    against: '',
  };
}

type Whose = 'ours' | 'bare' | 'trips';

async function crossing(redis: RedisServer, rounds: number, tell: (text: string) => void): Promise<Line[]> {
  await using waits = new Child<ClusterNode>('cluster-node');
  await using comes = new Child<ClusterNode>('cluster-node');
  using states = new StatesFile();
  await Promise.all([waits.ask('listen', redis.url), comes.ask('listen', redis.url)]);
  const p99s: Record<Whose, number>[] = [];
  for (let round = 0; round <= rounds; round++) {
    await waits.ask('begin', each, states.path);
    await comes.ask('consume', states.path, perSecond);
    const ours = quantile(await waits.ask('latencies'), 0.99);
    await waits.ask('waitsBare', each);
    await comes.ask('comesBare', each, perSecond);
    const bare = quantile(await waits.ask('latencies'), 0.99);
    const trips = quantile(await comes.ask('twoTrips', each, perSecond), 0.99);
    tell(
      `round ${round} of ${rounds}: p99 ${short(ours)} µs, bare ${short(bare)} µs, two round trips ${short(trips)} µs`,
    );
    if (round > 0) p99s.push({ ours, bare, trips });
  }
  const ratioOf = (one: Whose, other: Whose, line: Pick<Line, 'what' | 'reach'>): Line => {
    const ratios = p99s.map((p99) => p99[one] / p99[other]);
    const absolute = (whose: Whose): string => `${short(median(p99s.map((p99) => p99[whose])))} µs`;
    return {
      measure: 'cluster',
      ...line,
      value: median(ratios),
      ours: absolute(one),
      against: absolute(other),
      rounds: ratios,
    };
  };
  return [
    ratioOf('ours', 'bare', { what: 'p99 from node to node ÷ bare SPUBLISH and GET', reach: { most: 4 } }),
    ratioOf('bare', 'trips', { what: 'bare SPUBLISH and GET: p99 ÷ two round trips to Redis' }),
  ];
}

async function ask<T>(redis: RedisServer, section: string, read: (info: string) => T): Promise<T> {
  const client = createClient({ url: redis.url });
  await client.connect();
  try {
    return read(await client.info(section));
  } finally {
    client.destroy();
  }
}

function scriptsOf(redis: RedisServer): Promise<number> {
  return ask(redis, 'commandstats', (info) => Number(/cmdstat_evalsha:calls=(\d+)/.exec(info)?.[1] ?? 0));
}

function memoryOf(redis: RedisServer): Promise<number> {
  return ask(redis, 'memory', (info) => Number(/used_memory:(\d+)/.exec(info)?.[1]));
}

class Stack implements AsyncDisposable {
  readonly #all: AsyncDisposable[] = [];

  use<T extends AsyncDisposable>(each: T): T {
    this.#all.push(each);
    return each;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((each) => each[Symbol.asyncDispose]()));
  }
}
