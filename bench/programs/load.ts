/** Sends redirects from a process of its own, so that their cost is no cost of the server. */
import { now, paceAsleep } from '../clock.ts';
import { Connection, redirectRequest, visit } from '../http.ts';
import { obey } from '../orders.ts';
import { readStates } from '../states.ts';

/** A server, and the file with the states of its redirects. */
export interface Target {
  port: number;
  file: string;
}

const connections = 32;

// Redirects of a turn: about 15 ms, or a fifth of a second at a pace, because the first ones find the server's caches cold.
const few = 500;
const paced = 2_000;

/** Redirects by port of their server. */
const opened = new Map<number, Redirects>();

const orders = {
  /** Sends each server its redirects, in alternating turns. Returns the µs that each server took. */
  fire(targets: readonly Target[]): Promise<number[]> {
    return awakeWhile(() => inTurn(targets, (one) => one.fire(few)));
  },

  /** Does the same at an even pace. The code of each redirect is the time at which it was sent. */
  trickle(targets: readonly Target[], perSecond: number): Promise<number[]> {
    return inTurn(targets, (one) => one.trickle(paced, perSecond));
  },

  /** Connects to a server, for `send`. */
  async open(port: number, states: string[]): Promise<void> {
    opened.set(port, await Redirects.open(port, states));
  },

  /** Sends the next redirects, and disconnects after the last one. */
  async send(port: number, most: number): Promise<void> {
    const one = opened.get(port)!;
    await awakeWhile(() => one.fire(most));
    if (one.left === 0) one[Symbol.dispose]();
  },

  /** Sends all redirects at once, each to a server of its own. The servers may keep the connections until they close. */
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

  /** Returns the whole answer to a redirect, on a connection that ends with it. */
  async capture({ port, file }: Target): Promise<string> {
    const [state = ''] = readStates(file);
    const request = redirectRequest(port, 'code', state);
    return visit(port, request.replace('keep-alive', 'close'));
  },
};

export type Load = typeof orders;

/** The redirects of one server, over connections that are kept alive. */
class Redirects implements Disposable {
  readonly #port: number;
  readonly #states: readonly string[];
  readonly #open: Connection[] = [];
  #sent = 0;
  #answered: (connection: Connection) => void = () => undefined;
  #failed: (error: Error) => void = () => undefined;

  private constructor(port: number, states: readonly string[]) {
    this.#port = port;
    this.#states = states;
  }

  static async open(port: number, states: readonly string[]): Promise<Redirects> {
    const one = new Redirects(port, states);
    const answered = (connection: Connection, status: number): void => {
      if (status === 200) one.#answered(connection);
      else one.#failed(new Error(`answered ${status}`));
    };
    const opening = Array.from({ length: Math.min(connections, states.length) }, () =>
      Connection.open(port, answered, (error) => one.#failed(error)),
    );
    one.#open.push(...(await Promise.all(opening)));
    return one;
  }

  get left(): number {
    return this.#states.length - this.#sent;
  }

  /** Sends the next redirects. Each connection sends one as soon as the one before is answered. */
  fire(most: number): Promise<void> {
    const until = this.#sent + Math.min(most, this.left);
    const ask = (connection: Connection): void => {
      if (this.#sent < until) this.#ask(connection, `code-${this.#sent}`);
    };
    return this.#untilAnswered(until - this.#sent, ask, () => {
      for (const connection of this.#open) ask(connection);
    });
  }

  /** Sends the next redirects at an even pace. */
  trickle(most: number, perSecond: number): Promise<void> {
    const count = Math.min(most, this.left);
    const idle = [...this.#open];
    let late = 0;
    const ask = (connection: Connection): void => this.#ask(connection, String(now()));
    const answered = (connection: Connection): void => {
      if (late === 0) idle.push(connection);
      else {
        late--;
        ask(connection);
      }
    };
    return this.#untilAnswered(count, answered, () => {
      void paceAsleep(count, perSecond, () => {
        const connection = idle.pop();
        if (connection) ask(connection);
        else late++;
      });
    });
  }

  [Symbol.dispose](): void {
    for (const connection of this.#open) connection.close();
  }

  #ask(connection: Connection, code: string): void {
    connection.ask(redirectRequest(this.#port, code, this.#states[this.#sent++]!));
  }

  #untilAnswered(count: number, next: (connection: Connection) => void, start: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      let left = count;
      this.#failed = reject;
      this.#answered = (connection) => {
        next(connection);
        if (--left === 0) resolve();
      };
      start();
    });
  }
}

/** Calls `send` for the targets in turn until all redirects are sent. Returns the µs that each target took. */
async function inTurn(
  targets: readonly Target[],
  send: (one: Redirects) => Promise<void>,
): Promise<number[]> {
  const all = await Promise.all(targets.map(({ port, file }) => Redirects.open(port, readStates(file))));
  const took = all.map(() => 0);
  while (all.some(({ left }) => left > 0)) {
    for (const [index, one] of all.entries()) {
      if (one.left === 0) continue;
      const start = now();
      await send(one);
      took[index]! += now() - start;
    }
  }
  for (const one of all) one[Symbol.dispose]();
  return took;
}

/** Keeps this process awake, because waking it would cost the server a few µs for each redirect. */
async function awakeWhile<T>(run: () => Promise<T>): Promise<T> {
  let going = true;
  const awake = (): void => {
    if (going) setImmediate(awake);
  };
  awake();
  return run().finally(() => (going = false));
}

obey(orders);
