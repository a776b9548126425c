import { createServer } from 'node:http';
import express from 'express';
import { obey } from '../orders.ts';
import { listenOn, Notes, sameAsOurs, type Receiver } from '../receiver.ts';
import { randomStates, writeStates } from '../states.ts';

const noted = new Notes();

const orders: Receiver = {
  listen({ answer }) {
    const page = Buffer.from(answer!.body, 'latin1').toString();
    const app = express();
    app.get('/callback', (request, response) => {
      const { code, state } = request.query;
      if (typeof code !== 'string' || typeof state !== 'string') {
        response.status(400).send('no code');
        return;
      }
      noted.arrival();
      response.send(page);
    });
    return listenOn(createServer(sameAsOurs, app));
  },

  prepare(count, file) {
    noted.expect(count);
    writeStates(file, randomStates(count));
  },

  amiss: noted.amiss,
  latencies: noted.latencies,
};

obey(orders);
