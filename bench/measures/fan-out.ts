import { Child } from '../child.ts';
import { now } from '../clock.ts';
import type { Measure } from '../context.ts';
import type { Monitors } from '../programs/monitors.ts';
import { compare, oneByOne, type Cost } from '../rounds.ts';
import type { Service } from '../service.ts';
import { throughput } from './redirects.ts';

const count = 5_000;
const events = 100;

export const fanOut: Measure = async ({ rounds, tell }) => {
  await using bridge = new Child<Service>('bridge');
  await using bareBridge = new Child<Service>('bare-bridge');
  await using monitors = new Child<Monitors>('monitors');
  await using bareMonitors = new Child<Monitors>('monitors');
  const port = await bridge.ask('listen');
  await monitors.ask('watch', port, count);
  await bareMonitors.ask('idle', await bareBridge.ask('listen'), count);

  let frame = '';
  const run = async (service: Child<Service>, audience: Child<Monitors>): Promise<Cost> => {
    const received = audience.ask('receive', count * events);
    const start = { cpu: await service.ask('cpu'), clock: now() };
    await service.ask('emit', events, frame);
    // The bare service sends the last frame of our bridge, so that both send the same bytes.
    frame = await received;
    const clock = now() - start.clock;
    const cpu = (await service.ask('cpu')) - start.cpu;
    return { cpu: cpu / (count * events), clock: clock / (count * events) };
  };
  const comparison = await compare(
    rounds,
    oneByOne(
      () => run(bridge, monitors),
      () => run(bareBridge, bareMonitors),
    ),
    tell,
  );
  return [throughput('fan-out', 'messages/s to 5,000 monitors ÷ bare ws', 0.7, comparison)];
};
