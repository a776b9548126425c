import { setTimeout } from 'node:timers/promises';
import { Child } from '../child.ts';
import type { Measure } from '../context.ts';
import type { Load } from '../programs/load.ts';
import { recordOurs } from '../receivers.ts';
import { compare, oneByOne, type Cost } from '../rounds.ts';
import type { Service, Waiter } from '../service.ts';
import { StatesFile } from '../states.ts';
import { quantile } from '../statistics.ts';
import { short } from '../table.ts';

// Redirects of a turn. Turns are short and alternate, so that a slow moment of the machine affects both services.
const each = 1_000;
const turns = 5;
const perSecond = 1_000;
// Redirects of each service before the measurement, because V8 compiles on the measured cores until then.
const warmUp = 20_000;
// Milliseconds in which the services collect the garbage of beginning many flows.
const rest = 300;

export const bridgeLatency: Measure = async ({ rounds, tell }) => {
  using states = new StatesFile();
  await using load = new Child<Load>('load');
  await using bridge = new Child<Service>('bridge');
  await using listener = new Child<Waiter>('listener');
  await using bareBridge = new Child<Service>('bare-bridge');
  await using bareListener = new Child<Waiter>('bare-listener');
  const port = await bridge.ask('listen');
  const barePort = await bareBridge.ask('listen', await recordOurs());
  await listener.ask('connect', port);
  await bareListener.ask('connect', barePort);

  const run = async (service: Child<Service>, at: number, waiter: Child<Waiter>): Promise<Cost> => {
    await waiter.ask('prepare', each, states.path);
    await setTimeout(rest);
    const before = await service.ask('cpu');
    await load.ask('trickle', [{ port: at, file: states.path }], perSecond);
    const latencies = await waiter.ask('latencies');
    const cpu = ((await service.ask('cpu')) - before) / each;
    return { cpu, clock: quantile(latencies, 0.99) };
  };
  tell(`${warmUp} redirects each to warm up`);
  for (let sent = 0; sent < warmUp; sent += each) {
    await run(bridge, port, listener);
    await run(bareBridge, barePort, bareListener);
  }
  const { clock, ours, other, ...comparison } = await compare(
    rounds * turns,
    oneByOne(
      () => run(bridge, port, listener),
      () => run(bareBridge, barePort, bareListener),
    ),
    tell,
  );
  const absolute = ({ cpu, clock: p99 }: Cost): string => `p99 ${short(p99)} µs, ${short(cpu)} µs cpu`;
  return [
    {
      measure: 'bridge-latency',
      what: 'p99 to a remote next ÷ bare node:http + ws',
      value: clock,
      reach: { most: 1.3 },
      ours: absolute(ours),
      against: absolute(other),
      rounds: comparison.rounds.map((round) => round.clock),
    },
  ];
};
