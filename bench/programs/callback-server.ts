import { createOAuthCallbackServer, type OAuthCallbackServer } from '../../src/index.ts';
import { now } from '../clock.ts';
import { obey } from '../orders.ts';
import type { Receiver } from '../receiver.ts';
import { writeStates } from '../states.ts';

let server: OAuthCallbackServer;
let notes: 'arrival' | 'latency';
let heard = new Uint8Array();
let latencies = new Float64Array();

const orders: Receiver = {
  async listen(options) {
    notes = options.notes;
    server = createOAuthCallbackServer({ maxFlows: 1_000_000, flowTtl: 3_600_000 });
    await server.listen();
    for (let flow = 0; flow < options.waiting; flow++) await wait();
    return server.address.port;
  },

  async prepare(count, file) {
    heard = new Uint8Array(count);
    latencies = new Float64Array(notes === 'latency' ? count : 0);
    const states = [];
    for (let index = 0; index < count; index++) states.push(await wait(index));
    writeStates(file, states);
  },

  amiss: () => heard.reduce((sum, times) => sum + (times === 1 ? 0 : 1), 0),
  latencies: () => latencies,
};

/** Begins a flow and subscribes to its response, which is noted under `index`. Returns the state. */
async function wait(index = -1): Promise<string> {
  const { state, response } = await server.begin();
  response.subscribe(({ code }) => {
    heard[index]!++;
    if (notes === 'latency') latencies[index] = now() - Number(code);
  });
  return state;
}

obey(orders);
