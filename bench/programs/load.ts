/** Sends redirects, so that what that costs is no cost of the server. */
import { now, paceAsleep } from '../clock.ts';
import { Connection, redirectRequest, visit } from '../http.ts';
import { obey } from '../orders.ts';
import { readStates } from '../states.ts';

const connections = 32;

const orders = {
  /** Sends a redirect for each state. Microseconds. */
  fire(port: number, file: string): Promise<number> {
    return sendAll(port, readStates(file));
  },

  /** Sends them at an even pace. The code of each is the time of its sending. */
  async trickle(port: number, file: string, perSecond: number): Promise<void> {
    const states = readStates(file);
    let left = states.length;
    const waiting: string[] = [];
    await withConnections(port, connections, (open, done) => {
      const idle = [...open];
      const send = (connection: Connection, state: string): void =>
        connection.ask(redirectRequest(port, String(now()), state));
      void paceAsleep(states.length, perSecond, (index) => {
        const connection = idle.pop();
        if (connection) send(connection, states[index]!);
        else waiting.push(states[index]!);
      });
      return (connection) => {
        const state = waiting.shift();
        if (state === undefined) idle.push(connection);
        else send(connection, state);
        if (--left === 0) done(0);
      };
    });
  },

  /** Sends all of them to one server. */
  async redirects(port: number, states: string[]): Promise<void> {
    await sendAll(port, states);
  },

  /** Sends each to a server of its own, all at once. */
  async visits(ports: number[], states: string[]): Promise<void> {
    const answers = await Promise.all(
      states.map((state, index) => {
        const port = ports[index]!;
        return visit(port, redirectRequest(port, `code-${index}`, state));
      }),
    );
    const bad = answers.find((answer) => !answer.startsWith('HTTP/1.1 200'));
    if (bad !== undefined) throw new Error(`answered ${bad.slice(0, 300)}`);
  },

  /** The whole answer to one redirect on a connection that is kept alive. */
  async capture(port: number, file: string): Promise<string> {
    const [state = ''] = readStates(file);
    const request = redirectRequest(port, 'code', state);
    return visit(port, request);
  },
};

export type Load = typeof orders;

/** Over connections that are kept alive, each of which sends the next once the last is answered. Microseconds. */
function sendAll(port: number, states: readonly string[]): Promise<number> {
  let asked = 0;
  let left = states.length;
  return withConnections(port, Math.min(connections, states.length), (open, done) => {
    const ask = (connection: Connection): void => {
      const state = states[asked];
      if (state !== undefined) connection.ask(redirectRequest(port, `code-${asked++}`, state));
    };
    const start = now();
    for (const connection of open) ask(connection);
    return (connection) => {
      ask(connection);
      if (--left === 0) done(now() - start);
    };
  });
}

function withConnections(
  port: number,
  count: number,
  run: (open: readonly Connection[], done: (value: number) => void) => (connection: Connection) => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    let onAnswer: (connection: Connection) => void;
    const answered = (connection: Connection, status: number): void => {
      if (status === 200) onAnswer(connection);
      else reject(new Error(`answered ${status}`));
    };
    Promise.all(Array.from({ length: count }, () => Connection.open(port, answered, reject))).then((open) => {
      onAnswer = run(open, (value) => {
        for (const connection of open) connection.close();
        resolve(value);
      });
    }, reject);
  });
}

obey(orders);
