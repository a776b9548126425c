import { Child } from '../child.ts';
import { now } from '../clock.ts';
import type { Measure } from '../context.ts';
import type { Load } from '../programs/load.ts';
import type { SignIns } from '../programs/sign-ins.ts';
import type { Receiver } from '../receiver.ts';
import { recordOurs } from '../receivers.ts';
import { compare, summary, type Cost } from '../rounds.ts';
import { throughput } from './redirects.ts';

/** Turns of a round. They alternate between the servers, so that a slow moment of the machine affects all of them. */
const turns = 5;
/** Sign-ins on our server in a round. Their redirects are sent in as many parts as there are turns. */
const ours = 5_000;
/** Sign-ins of the other package in a turn. Each needs a port of its own. */
const theirs = 200;

export const signIns: Measure = async ({ rounds, tell }) => {
  const answer = await recordOurs();
  await using load = new Child<Load>('load');
  await using one = new Child<SignIns>('sign-ins');
  await using many = new Child<SignIns>('sign-ins');
  // The floor: a server that knows no sign-in and only answers.
  await using bare = new Child<Receiver>('bare-server');
  await Promise.all([one.ask('listen'), many.ask('listen')]);
  const barePort = await bare.ask('listen', { answer, notes: 'arrival', waiting: 0 });
  await many.ask('reserve', theirs);

  const measure = async (): Promise<{ ours: Cost; other: Cost; bare: Cost }> => {
    const ofOurs = await Account.open(() => one.ask('cpu'), ours);
    const ofTheirs = await Account.open(() => many.ask('cpu'), theirs * turns);
    const ofBare = await Account.open(() => bare.ask('cpu'), ours);
    const { port, states } = await ofOurs.during(() => one.ask('beginOurs', ours));
    await ofOurs.during(() => load.ask('open', port, states));
    await ofBare.during(() => load.ask('open', barePort, states));
    for (let turn = 0; turn < turns; turn++) {
      await ofOurs.during(() => load.ask('send', port, ours / turns));
      await ofBare.during(() => load.ask('send', barePort, ours / turns));
      await ofTheirs.during(async () => {
        const begun = await many.ask('beginTheirs', theirs);
        await load.ask('visits', begun.ports, begun.states);
        await many.ask('ended');
      });
    }
    await ofOurs.during(() => one.ask('ended'));
    return { ours: await ofOurs.cost(), other: await ofTheirs.cost(), bare: await ofBare.cost() };
  };

  const comparison = await compare(rounds, measure, tell);
  const toBare = summary(
    comparison.costs.map(({ ours: each, bare: floor }) => ({ ours: each, other: floor })),
  );
  return [
    throughput('sign-ins', 'sign-ins/s ÷ bare node:http that only answers', 0.6, toBare),
    throughput('sign-ins', 'sign-ins/s ÷ oauth-callback', undefined, comparison),
  ];
};

/** Account of a program's costs in a round. The clock counts its own turns only; it uses no processor time in between. */
class Account {
  #clock = 0;

  private constructor(
    private readonly cpu: () => Promise<number>,
    private readonly count: number,
    private readonly before: number,
  ) {}

  static async open(cpu: () => Promise<number>, count: number): Promise<Account> {
    return new Account(cpu, count, await cpu());
  }

  async during<T>(part: () => Promise<T>): Promise<T> {
    const start = now();
    const value = await part();
    this.#clock += now() - start;
    return value;
  }

  /** Returns the cost of a sign-in. */
  async cost(): Promise<Cost> {
    const cpu = (await this.cpu()) - this.before;
    return { cpu: cpu / this.count, clock: this.#clock / this.count };
  }
}
