import { connectCallbackHost, type RemoteCallbackHost } from '../../src/client.ts';
import { now } from '../clock.ts';
import { obey } from '../orders.ts';
import { Awaited, token, type Waiter } from '../service.ts';
import { writeStates } from '../states.ts';

let host: RemoteCallbackHost;
const awaited = new Awaited();

const orders: Waiter = {
  async connect(port) {
    host = await connectCallbackHost(`ws://127.0.0.1:${port}/bridge`, { token });
  },

  async prepare(count, file) {
    awaited.expect(count);
    const flows = await Promise.all(Array.from({ length: count }, () => host.begin()));
    for (const { response } of flows) response.subscribe(({ code }) => awaited.note(now() - Number(code)));
    const states = flows.map(({ state }) => state);
    writeStates(file, states);
  },

  latencies: awaited.latencies,
};

obey(orders);
