/** A server where many sign-ins wait, and redirects come for any of them. */
import { createOAuthCallbackServer, ofState, type OAuthCallbackServer } from '../../src/index.ts';
import { obey } from '../orders.ts';
import { randomStates, writeStates } from '../states.ts';

/** How a consumer waits: for a flow that was begun, or for a state. */
export type Waiting = 'flow' | 'ofState';

let server: OAuthCallbackServer;
let how: Waiting;
let waiting: string[] = [];
/** Those that begin to wait, each in the place of one that has its response. */
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

  /** Leaves in a file the states of so many redirects: of any that wait, or, where those are fewer, of all and their successors. */
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

  /** How many redirects did not come exactly once. */
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
