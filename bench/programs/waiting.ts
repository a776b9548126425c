/** A server with many pending sign-ins, which gets redirects for some of them. */
import { createOAuthCallbackServer, ofState, type OAuthCallbackServer } from '../../src/index.ts';
import { obey } from '../orders.ts';
import { randomStates, writeStates } from '../states.ts';

/** The way in which a consumer waits: by `flow.response` or by `ofState`. */
export type Waiting = 'flow' | 'ofState';

let server: OAuthCallbackServer;
let how: Waiting;
let waiting: string[] = [];
/** States of the flows that begin next, each when another flow gets its response. */
let next: string[] = [];
let heard = 0;

const orders = {
  /** Returns the port. */
  async listen(count: number, by: Waiting): Promise<number> {
    how = by;
    server = createOAuthCallbackServer({ maxFlows: 10_000_000, flowTtl: 3_600_000 });
    await server.listen();
    waiting = randomStates(count);
    for (const state of waiting) wait(state);
    return server.address.port;
  },

  /** Writes the states of `count` redirects to a file: random pending ones, or all and their successors if there are fewer. */
  prepare(count: number, file: string): void {
    heard = 0;
    next = randomStates(count);
    if (count > waiting.length) {
      const all = [...waiting, ...next];
      writeStates(file, all.slice(0, count));
      waiting = all.slice(count);
    } else {
      const places = new Set<number>();
      while (places.size < count) places.add(Math.floor(Math.random() * waiting.length));
      const some = [...places].map((place) => waiting[place]!);
      writeStates(file, some);
      for (const [index, place] of [...places].entries()) waiting[place] = next[index]!;
    }
  },

  /** Returns how many redirects did not arrive exactly once. */
  amiss: () => Math.abs(next.length - heard),
};

export type WaitingOrders = typeof orders;

function wait(state: string): void {
  if (how === 'flow') void server.begin({ state }).then(({ response }) => response.subscribe(hear));
  else server.redirects.pipe(ofState(state)).subscribe(hear);
}

function hear(): void {
  wait(next[heard++]!);
}

obey(orders);
