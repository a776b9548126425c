import { createServer } from 'node:http';
import { now } from '../clock.ts';
import { obey } from '../orders.ts';
import { listenOn, Notes, parameter, sameAsOurs, type Receiver } from '../receiver.ts';
import { randomStates, writeStates } from '../states.ts';

const noted = new Notes();

const orders: Receiver = {
  listen({ answer, notes }) {
    const { status, headers, body } = answer!;
    const page = Buffer.from(body, 'latin1');
    const server = createServer(sameAsOurs, (request, response) => {
      if (notes === 'latency') noted.latency(now() - Number(parameter(request.url!, 'code')));
      else noted.arrival();
      response.writeHead(status, headers);
      response.end(page);
    });
    return listenOn(server);
  },

  prepare(count, file) {
    noted.expect(count);
    writeStates(file, randomStates(count));
  },

  amiss: noted.amiss,
  latencies: noted.latencies,
};

obey(orders);
