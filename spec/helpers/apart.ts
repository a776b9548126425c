/** A server in a process of its own, so that a crash is seen, with all that the process writes. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { BeginOptions, CallbackFields, Outcome, ServerOptions } from '../../src/index.ts';
import { deadline } from './assert.ts';

/** Options that a message between processes can carry. */
export type PlainOptions = Omit<
  ServerOptions,
  'logger' | 'scheduler' | 'server' | 'render' | 'resultContainer' | 'resultReady'
>;

/** Orders to the process; each is answered. */
export type Order = { id: number } & (
  | { do: 'serve'; options: PlainOptions }
  | { do: 'begin'; server: number; options: Omit<BeginOptions, 'signal'> }
  | { do: 'settle'; flow: number; outcome: Outcome }
  | { do: 'report' }
  | { do: 'memory' }
  | { do: 'close' }
);

/** Messages of the process: the answer to an order, or news. */
export type Report =
  | { answers: number; value?: unknown; failure?: string }
  | { flow: number; response: CallbackFields }
  | { flow: number; error: string }
  | { connections: Connections };

/** Sockets that the process has accepted. */
export interface Connections {
  seen: number;
  open: number;
  /** As many as were open at once. */
  most: number;
}

/** A flow of the other process, with all that it gave so far. */
export interface FlowApart {
  readonly id: string;
  readonly state: string;
  readonly redirectUri: string;
  readonly codeVerifier: string;
  readonly responses: readonly CallbackFields[];
  readonly errors: readonly string[];
  /** Resolves with its first response. */
  readonly delivered: Promise<CallbackFields>;
  settle(outcome: Outcome): Promise<void>;
}

/** Results of a flow, kept from its first message on, which may come before the answer to `begin`. */
interface Seen {
  responses: CallbackFields[];
  errors: string[];
  delivered: Promise<CallbackFields>;
  resolve: (fields: CallbackFields) => void;
}

type Answer = Extract<Report, { answers: number }>;
type Unnumbered<T> = T extends unknown ? Omit<T, 'id'> : never;

export class Apart {
  readonly #child = fork(fileURLToPath(new URL('apart-child.ts', import.meta.url)), {
    execArgv: ['--expose-gc', '--unhandled-rejections=strict', '--import', import.meta.resolve('tsx')],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  readonly #exit: Promise<string>;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #seen = new Map<number, Seen>();
  #orders = 0;
  #servers = 0;
  #watcher: ((connections: Connections) => void) | undefined;
  /** Everything on stdout and stderr that was not yet taken. */
  output = '';
  /** How the process ended; undefined while it lives. */
  ended: string | undefined;

  constructor() {
    const child = this.#child;
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (chunk: string) => (this.output += chunk));
    child.on('message', (report: Report) => this.#hear(report));
    this.#exit = once(child, 'close').then(
      ([code, signal]) => (this.ended = `exit code ${String(code)}, signal ${String(signal)}`),
    );
  }

  get alive(): boolean {
    return this.ended === undefined && this.#child.exitCode === null;
  }

  async serve(options: PlainOptions = {}): Promise<{ server: number; port: number }> {
    const { port } = (await this.#order({ do: 'serve', options })) as { port: number };
    return { server: this.#servers++, port };
  }

  async begin(options: Omit<BeginOptions, 'signal'> = {}, server = 0): Promise<FlowApart> {
    const { index, ...told } = (await this.#order({ do: 'begin', server, options })) as {
      index: number;
    } & Pick<FlowApart, 'id' | 'state' | 'redirectUri' | 'codeVerifier'>;
    const { responses, errors, delivered } = this.#seenOf(index);
    const settle = async (outcome: Outcome): Promise<void> => {
      await this.#order({ do: 'settle', flow: index, outcome });
    };
    return { ...told, responses, errors, delivered, settle };
  }

  /** Reports on everything so far. All earlier messages have been read once this resolves. */
  report(): Promise<{ accepted: number; connections: Connections }> {
    return this.#order({ do: 'report' }) as ReturnType<Apart['report']>;
  }

  /** Bytes of its heap that are in use, after a collection. */
  memory(): Promise<number> {
    return this.#order({ do: 'memory' }) as Promise<number>;
  }

  /** The output so far, which is then forgotten but for its last words. */
  takeOutput(): string {
    const taken = this.output;
    this.output = taken.slice(-500);
    return taken;
  }

  /** Called for every 25th connection. */
  onConnections(watcher: (connections: Connections) => void): void {
    this.#watcher = watcher;
  }

  /** Closes the servers in good order and waits for the process to end; says how it ended. */
  async close(): Promise<string> {
    if (this.alive) await this.#order({ do: 'close' });
    return deadline(this.#exit, 'the end of the server process');
  }

  /** Ends the process whatever it does. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }

  async #order(order: Unnumbered<Order>): Promise<unknown> {
    const id = ++this.#orders;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.#child.send({ ...order, id }, () => undefined);
    const died = this.#exit.then((how): Answer => ({ answers: id, failure: `${how}\n${this.output}` }));
    const what = `the server process's answer to "${order.do}"`;
    const { value, failure } = await deadline(Promise.race([answered, died]), what);
    this.#waiting.delete(id);
    if (failure !== undefined) throw new Error(`the server process: ${failure}`);
    return value;
  }

  #hear(report: Report): void {
    if ('answers' in report) this.#waiting.get(report.answers)?.(report);
    else if ('connections' in report) this.#watcher?.(report.connections);
    else if ('error' in report) this.#seenOf(report.flow).errors.push(report.error);
    else {
      const { responses, resolve } = this.#seenOf(report.flow);
      responses.push(report.response);
      resolve(report.response);
    }
  }

  #seenOf(flow: number): Seen {
    let seen = this.#seen.get(flow);
    if (!seen) {
      let resolve: Seen['resolve'] = () => undefined;
      const delivered = new Promise<CallbackFields>((done) => (resolve = done));
      this.#seen.set(flow, (seen = { responses: [], errors: [], delivered, resolve }));
    }
    return seen;
  }
}

/** Runs `body` with a server process of its own, which is gone afterwards whatever happens. */
export async function withApart<T>(body: (apart: Apart) => Promise<T>): Promise<T> {
  const apart = new Apart();
  try {
    return await body(apart);
  } finally {
    await apart.kill();
  }
}
