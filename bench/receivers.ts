/** Two servers, each in a process of its own, and a third process that sends them redirects. */
import { setTimeout } from 'node:timers/promises';
import { Child } from './child.ts';
import type { Load, Target } from './programs/load.ts';
import type { Receiver, ReceiverOptions, Recorded } from './receiver.ts';
import type { Cost, Pair } from './rounds.ts';
import { StatesFile } from './states.ts';

// Milliseconds in which the server collects the garbage of beginning many flows. A forced `gc()` would also drop compiled
// code, and each redirect after it would cost half as much again.
const rest = 300;

/** Orders that a server needs to be sent redirects. */
export type Fired = Pick<Receiver, 'prepare' | 'amiss'>;

export interface Running<O extends Fired = Receiver> {
  readonly child: Child<O>;
  readonly port: number;
  /** Path of the file with the states of its redirects. */
  readonly file: string;
}

/** Both servers and the load. */
export interface Receivers<R extends Running<Fired> = Running> {
  readonly load: Child<Load>;
  readonly ours: R;
  readonly other: R;
}

/** The measured program, and the one that it is compared with. */
export type Programs = readonly [
  'callback-server' | 'map-server',
  'map-server' | 'bare-server' | 'express-server',
];

/** Runs `body` with both servers. Each sends the page of our server. */
export async function withReceivers<T>(
  [program, otherProgram]: Programs,
  asked: Pick<ReceiverOptions, 'notes' | 'waiting'>,
  body: (receivers: Receivers) => Promise<T>,
): Promise<T> {
  const options = { ...asked, answer: await recordOurs() };
  using states = new StatesFile();
  using otherStates = new StatesFile();
  await using load = new Child<Load>('load');
  await using server = new Child<Receiver>(program);
  await using otherServer = new Child<Receiver>(otherProgram);
  const ours = { child: server, port: await server.ask('listen', options), file: states.path };
  const other = {
    child: otherServer,
    port: await otherServer.ask('listen', options),
    file: otherStates.path,
  };
  // Express adds headers of its own.
  if (otherProgram !== 'express-server') {
    const [one, another] = [await capture(load, ours), await capture(load, other)];
    if (sameBytes(one) !== sameBytes(another))
      throw new Error(`${otherProgram} does not send what ours does`);
  }
  return await body({ load, ours, other });
}

/** Records the page of our server, for other servers to send. */
export async function recordOurs(): Promise<Recorded> {
  using states = new StatesFile();
  await using load = new Child<Load>('load');
  await using child = new Child<Receiver>('callback-server');
  const port = await child.ask('listen', { notes: 'arrival', waiting: 1 });
  return record(await capture(load, { child, port, file: states.path }));
}

/** Sends `count` redirects to each server in alternating turns. Returns the cost of a redirect at each. */
export async function fire({ load, ours, other }: Receivers<Running<Fired>>, count: number): Promise<Pair> {
  const both = [ours, other];
  for (const { child, file } of both) await child.ask('prepare', count, file);
  await setTimeout(rest);
  const before = await cpuOf(both);
  const clocks = await load.ask('fire', targets(both));
  const after = await cpuOf(both);
  for (const { child } of both) await requireAll(child);
  const costOf = (index: number): Cost => ({
    cpu: (after[index]! - before[index]!) / count,
    clock: clocks[index]! / count,
  });
  return { ours: costOf(0), other: costOf(1) };
}

/** Returns the part of the servers' description that the load needs. */
export function targets(servers: readonly Running<Fired>[]): Target[] {
  return servers.map(({ port, file }) => ({ port, file }));
}

function cpuOf(servers: readonly Running<Fired>[]): Promise<number[]> {
  return Promise.all(servers.map(({ child }) => child.ask('cpu')));
}

export async function requireAll(child: Child<Fired>): Promise<void> {
  const amiss = await child.ask('amiss');
  if (amiss > 0) throw new Error(`${amiss} redirects did not arrive exactly once`);
}

async function capture(load: Child<Load>, { child, port, file }: Running): Promise<string> {
  await child.ask('prepare', 1, file);
  return load.ask('capture', { port, file });
}

function record(answer: string): Recorded {
  const end = answer.indexOf('\r\n\r\n');
  const [first = '', ...lines] = answer.slice(0, end).split('\r\n');
  const headers = lines
    .map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)] as const)
    .filter(([name]) => !/^(?:Date|Connection|Keep-Alive)$/.test(name));
  return { status: Number(first.slice(9, 12)), headers: headers.flat(), body: answer.slice(end + 4) };
}

function sameBytes(answer: string): string {
  // The time, and the clean URL that each server signs for itself.
  return answer.replace(/\r\nDate: [^\r]*/, '').replace(/data-page="[^"]*"/, '');
}
