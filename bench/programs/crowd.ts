/** A server with many pending flows: their memory, and how long they block the event loop. */
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { createOAuthCallbackServer } from '../../src/index.ts';
import { obey } from '../orders.ts';

const orders = {
  /** Returns the bytes of a begun flow that only the server keeps. */
  async weigh(count: number, subscribers: 0 | 1): Promise<number> {
    const server = createOAuthCallbackServer({ maxFlows: 10_000_000 });
    await server.listen();
    const before = heap();
    for (let left = count; left > 0; left--) {
      const { response } = await server.begin();
      if (subscribers === 1) response.subscribe();
    }
    return (heap() - before) / count;
  },

  /** Begins `count` flows, 100 in each turn, that all expire at the same time. */
  async begunAndExpired(count: number): Promise<Pauses> {
    const server = createOAuthCallbackServer();
    await server.listen();
    let pending = count;
    server.events.subscribe(({ type }) => {
      if (type === 'expired') pending--;
    });
    // Late enough that all flows have begun before the first one expires.
    const due = performance.now() + count / 60;
    return longestTurns(async () => {
      for (let left = count; left > 0;) {
        for (let inTurn = 100; inTurn > 0 && left > 0; inTurn--, left--)
          await server.begin({ ttl: Math.max(1, Math.round(due - performance.now())) });
        await setImmediate();
      }
      while (pending > 0) await setTimeout(10);
    });
  },

  /** Does nothing for as long, to measure the pauses of the machine itself. */
  idle(ms: number): Promise<Pauses> {
    return longestTurns(() => setTimeout(ms));
  },
};

export interface Pauses {
  /** Longest turn of the event loop, in ms. */
  longest: number;
  /** Longest garbage collection, in ms. */
  collection: number;
  /** Duration of the whole run, in ms. */
  whole: number;
}

export type Crowd = typeof orders;

function heap(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function longestTurns(run: () => Promise<unknown>): Promise<Pauses> {
  let collection = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) collection = Math.max(collection, duration);
  });
  observer.observe({ entryTypes: ['gc'] });
  const start = performance.now();
  let last = start;
  let longest = 0;
  let going = true;
  const turn = (): void => {
    const at = performance.now();
    longest = Math.max(longest, at - last);
    last = at;
    if (going) globalThis.setImmediate(turn);
  };
  turn();
  await run();
  going = false;
  await setTimeout(10);
  observer.disconnect();
  return { longest, collection, whole: performance.now() - start };
}

obey(orders);
