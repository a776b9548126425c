/** People who sign in over the bridge of a service, at a pace. */
import { setTimeout } from 'node:timers/promises';
import { connectCallbackHost, type RemoteCallbackHost } from '../../src/client.ts';
import { People } from '../../spec/helpers/people.ts';
import { nameOf } from '../../spec/behaviour/monitor/agreement.ts';
import { obey } from '../orders.ts';
import { token } from '../service.ts';

/** Events that a service must have emitted. */
export interface Had {
  /** Names of the events, in no order. */
  events: readonly string[];
  /** Seconds until the last sign-in had ended. */
  seconds: number;
  /** Delay of the last begin behind its pace, in ms. */
  late: number;
}

// A connection may send 200 messages a second.
const programs = 10;

const people = new People();
let hosts: RemoteCallbackHost[] = [];
let waiting: string[] = [];

const orders = {
  /** Resolves once every sign-in has its result, except for `waitOn` flows that stay pending. */
  async signIn(bridgeUrl: string, count: number, perSecond: number, waitOn: number): Promise<Had> {
    hosts = await Promise.all(
      Array.from({ length: programs }, () => connectCallbackHost(bridgeUrl, { token })),
    );
    const running: Promise<unknown>[] = [];
    const start = performance.now();
    let late = 0;
    for (let n = 0; n < count; n++) {
      const early = start + (n * 1_000) / perSecond - performance.now();
      if (early > 1) await setTimeout(early);
      late = Math.max(0, -early);
      running.push(people.signIn(hosts[n % programs]!, n));
    }
    await Promise.all(running);
    const seconds = (performance.now() - start) / 1_000;
    const begun = Array.from({ length: waitOn }, (_, n) => people.wait(hosts[n % programs]!));
    waiting = (await Promise.all(begun)).map(({ id }) => id);
    return { events: people.events, seconds, late };
  },

  /** Returns the names of the events for pending flows that the store has lost. */
  lost(): readonly string[] {
    return waiting.map((flow) => nameOf({ type: 'cancelled', reason: 'lost', flowId: flow }));
  },

  async leave(): Promise<void> {
    await Promise.all(hosts.map((host) => host.close()));
  },
};

export type PeopleProgram = typeof orders;

obey(orders);
