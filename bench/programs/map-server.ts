/** The floor: a callback server that has its subscribers in a `Map` by state, and checks nothing. */
import { createServer } from 'node:http';
import { Observable, type Subscriber } from 'rxjs';
import { now } from '../clock.ts';
import { obey } from '../orders.ts';
import { listenOn, Notes, parameter, sameAsOurs, type Receiver } from '../receiver.ts';
import { randomStates, writeStates } from '../states.ts';

interface Response {
  code: string;
  state: string;
}

const noted = new Notes();
const waiting = new Map<string, Subscriber<Response>>();
let note: (response: Response) => void;

const orders: Receiver = {
  listen({ answer, notes, waiting: others }) {
    const { status, headers, body } = answer!;
    const page = Buffer.from(body, 'latin1');
    note = notes === 'latency' ? ({ code }) => noted.latency(now() - Number(code)) : () => noted.arrival();
    for (const state of randomStates(others)) wait(state);
    const server = createServer(sameAsOurs, (request, response) => {
      response.writeHead(status, headers);
      response.end(page);
      const state = parameter(request.url!, 'state');
      const subscriber = waiting.get(state);
      waiting.delete(state);
      subscriber?.next({ code: parameter(request.url!, 'code'), state });
      subscriber?.complete();
    });
    return listenOn(server);
  },

  prepare(count, file) {
    noted.expect(count);
    const states = randomStates(count);
    for (const state of states) wait(state);
    writeStates(file, states);
  },

  amiss: noted.amiss,
  latencies: noted.latencies,
};

function wait(state: string): void {
  new Observable<Response>((subscriber) => void waiting.set(state, subscriber)).subscribe(note);
}

obey(orders);
