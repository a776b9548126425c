/** A server with many sign-ins waiting, without a socket: what is measured is what a redirect costs once it is parsed. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createOAuthCallbackServer, ofState, type OAuthCallbackServer } from '../../src/index.ts';
import { now } from '../clock.ts';
import { obey } from '../orders.ts';
import { randomStates } from '../states.ts';

/** How a consumer waits: for a flow that was begun, or for a state. */
export type Waiting = 'flow' | 'ofState';

let server: OAuthCallbackServer;
let how: Waiting;
let states: string[] = [];
let heard = 0;
let answered = 0;

const batch = 50;
const headers = ['Host', '127.0.0.1', 'Accept', 'text/html', 'Sec-Fetch-Site', 'cross-site'].concat([
  'Sec-Fetch-Mode',
  'navigate',
  'Sec-Fetch-Dest',
  'document',
]);

/** Takes an answer and forgets it. */
const response = {
  headersSent: false,
  destroyed: false,
  shouldKeepAlive: true,
  writeHead: (status: number) => {
    if (status === 200) answered++;
  },
  end: () => undefined,
} as unknown as ServerResponse;

const orders = {
  async wait(count: number, by: Waiting): Promise<void> {
    how = by;
    server = createOAuthCallbackServer({
      server: 'mounted',
      publicUrl: 'http://127.0.0.1',
      maxFlows: 10_000_000,
      flowTtl: 3_600_000,
    });
    await server.listen();
    states = [];
    for (let left = count; left > 0; left--) states.push(await begin());
    globalThis.gc?.();
  },

  /** Dispatches redirects for some of those that wait, in no order, and has as many wait in their place. */
  async dispatch(count: number): Promise<{ cpu: number; clock: number }> {
    const spent = { cpu: 0, clock: 0 };
    heard = answered = 0;
    for (let left = count; left > 0; left -= batch) {
      const places = somePlaces();
      const requests = places.map((place) => requestFor(states[place]!));
      const before = { cpu: process.cpuUsage(), clock: now() };
      for (const request of requests) server.handler(request, response);
      const { user, system } = process.cpuUsage(before.cpu);
      spent.clock += now() - before.clock;
      spent.cpu += user + system;
      for (const place of places) states[place] = await begin();
    }
    if (heard !== count || answered !== count)
      throw new Error(`${heard} responses and ${answered} pages for ${count} redirects`);
    return { cpu: spent.cpu / count, clock: spent.clock / count };
  },
};

export type WaitingOrders = typeof orders;

function somePlaces(): number[] {
  const places = new Set<number>();
  while (places.size < batch) places.add(Math.floor(Math.random() * states.length));
  return [...places];
}

function requestFor(state: string): IncomingMessage {
  const request: Partial<IncomingMessage> = {
    method: 'GET',
    url: `/callback?code=code&state=${state}`,
    rawHeaders: headers,
  };
  return request as IncomingMessage;
}

async function begin(): Promise<string> {
  const observer = {
    next: () => {
      heard++;
    },
  };
  if (how === 'flow') {
    const flow = await server.begin();
    flow.response.subscribe(observer);
    return flow.state;
  }
  const [state = ''] = randomStates(1);
  server.redirects.pipe(ofState(state)).subscribe(observer);
  return state;
}

obey(orders);
