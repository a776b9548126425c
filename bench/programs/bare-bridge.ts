import { createServer } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { WebSocketServer, type WebSocket } from 'ws';
import { obey } from '../orders.ts';
import { listenOn, parameter, sameAsOurs } from '../receiver.ts';
import type { Service } from '../service.ts';

const clients = new Set<WebSocket>();

const orders: Service = {
  listen(answer) {
    const page = Buffer.from(answer?.body ?? '', 'latin1');
    const server = createServer(sameAsOurs, ({ url = '' }, response) => {
      response.writeHead(answer!.status, answer!.headers);
      response.end(page);
      const [code, state] = [parameter(url, 'code'), parameter(url, 'state')];
      const result = { type: 'response', response: { code, state } };
      // As long as an id of ours.
      const frame = JSON.stringify({ type: 'result', flowId: '0123456789012345678901', result });
      for (const client of clients) client.send(frame);
    });
    const sockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: 16_384,
    });
    server.on('upgrade', (request, socket, head) =>
      sockets.handleUpgrade(request, socket, head, (client) => {
        clients.add(client);
        client.on('message', () => undefined);
        client.on('error', () => undefined);
        client.on('close', () => clients.delete(client));
      }),
    );
    return listenOn(server);
  },

  async emit(count, frame) {
    for (let event = 0; event < count; event++) {
      for (const client of clients) client.send(frame);
      await setImmediate();
    }
  },
};

obey(orders);
