import { once } from 'node:events';
import { WebSocket } from 'ws';
import { now } from '../clock.ts';
import { obey } from '../orders.ts';
import { Awaited, type Waiter } from '../service.ts';
import { randomStates, writeStates } from '../states.ts';

const awaited = new Awaited();

const orders: Waiter = {
  async connect(port) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/bridge`, { perMessageDeflate: false });
    socket.on('message', (data) => {
      const { result } = JSON.parse((data as Buffer).toString()) as {
        result: { response: { code: string } };
      };
      awaited.note(now() - Number(result.response.code));
    });
    await once(socket, 'open');
  },

  prepare(count, file) {
    awaited.expect(count);
    writeStates(file, randomStates(count));
  },

  latencies: awaited.latencies,
};

obey(orders);
