/** Flows that programs without WebSocket wait for over a network that breaks, and what became of each. */
import { randomBytes } from 'node:crypto';
import { Agent, request, type OutgoingHttpHeaders } from 'node:http';
import { createBridge, type Bridge, type BridgeOptions } from '../../src/bridge.ts';
import { createOAuthCallbackServer, type OAuthCallbackServer } from '../../src/index.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { token } from './bridge.ts';
import { Crowd } from './http.ts';
import { seeded } from './seeded.ts';
import { newState } from './server.ts';
import { TcpProxy } from './tcp-proxy.ts';

export const seed = Number(process.env['CHAOS_SEED'] ?? randomBytes(4).readUInt32BE());

/** A flow and the results that its program has heard. */
export interface Fate {
  readonly state: string;
  readonly key: string;
  readonly code: string;
  flowId: string | undefined;
  /** Codes by arrival, with those that were sent again. */
  readonly heard: (string | undefined)[];
  /** Results that came after the service had said that the flow was forgotten. */
  late: number;
  over: boolean;
}

export interface Reply {
  /** 0 if the connection broke before the end of the answer. */
  readonly status: number;
  readonly body: string;
}

/** Sends one request over a connection of its own. */
export function ask(
  port: number,
  method: string,
  path: string,
  headers: OutgoingHttpHeaders,
  body = '',
): Promise<Reply> {
  return new Promise((resolve) => {
    const broken = (): void => resolve({ status: 0, body: '' });
    const asked = request({ port, host: '127.0.0.1', method, path, headers, agent: noReuse }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => (text += chunk));
      answer.on('end', () => resolve({ status: answer.complete ? (answer.statusCode ?? 0) : 0, body: text }));
      answer.on('error', broken);
      answer.on('aborted', broken);
    });
    asked.on('error', broken);
    asked.end(body);
  });
}

const noReuse = new Agent({ keepAlive: false, maxSockets: Infinity });

export const turn = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 1));

/** A service whose programs reach it through a proxy that cuts connections at random bytes, and whose users do not. */
export class BrokenService implements AsyncDisposable {
  readonly random = seeded(seed);
  readonly crowd = new Crowd();
  readonly proxy: TcpProxy;
  readonly #store = memoryStore();
  readonly #options: Partial<BridgeOptions>;
  #server: OAuthCallbackServer | undefined;
  #bridge: Bridge | undefined;
  #port = 0;
  restarts = 0;

  private constructor(proxy: TcpProxy, options: Partial<BridgeOptions>) {
    this.proxy = proxy;
    this.#options = options;
  }

  static async open(options: Partial<BridgeOptions> = {}): Promise<BrokenService> {
    const proxy = await TcpProxy.open();
    const service = new BrokenService(proxy, options);
    await service.#start();
    const { random } = service;
    // A request has about 400 bytes and an answer about 700, so that about half of them are cut, in any place.
    proxy.options.cut = () => ({
      toService: random() < 0.25 ? 1 + random() * 500 : Infinity,
      toClient: random() < 0.35 ? 1 + random() * 900 : Infinity,
    });
    return service;
  }

  get port(): number {
    return this.proxy.port;
  }

  /** Starts another service in place of this one, over the same store. */
  async restart(): Promise<void> {
    await this.#bridge?.close({ restart: true });
    await this.#server?.close();
    await this.#start();
    this.restarts++;
  }

  /** Begins a flow, again until the service has said that it has begun. */
  async begin(fate: Fate, options: object = {}): Promise<void> {
    const headers = { ...headersOf(fate), 'Content-Type': 'application/json' };
    for (;;) {
      const { status, body } = await ask(this.port, 'POST', '/bridge/flow', headers, JSON.stringify(options));
      if (status === 201) {
        fate.flowId = (JSON.parse(body) as { flowId: string }).flowId;
        return;
      }
      if (status !== 0 && status !== 503 && status !== 429) throw new Error(`begin: ${status} ${body}`);
      await turn();
    }
  }

  /** Lets the user return, whose connection is good. */
  async signIn({ state, code }: Fate): Promise<void> {
    for (;;) {
      const status = await this.crowd.status(
        `http://127.0.0.1:${this.#port}/callback?code=${code}&state=${state}`,
      );
      if (status === 200) return;
      // 0: the service restarts. 400: it has taken the redirect before its answer broke.
      if (status === 400) return;
      await turn();
    }
  }

  /** Acknowledges a result, again until the service has forgotten the flow. */
  async drop(fate: Fate): Promise<void> {
    for (;;) {
      const { status } = await ask(this.port, 'DELETE', '/bridge/flow', headersOf(fate));
      if (status === 204 || status === 404) break;
      await turn();
    }
    fate.over = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.crowd[Symbol.dispose]();
    await this.proxy.close();
    await this.#server?.close();
  }

  async #start(): Promise<void> {
    const server = createOAuthCallbackServer({
      port: this.#port,
      maxFlows: 100_000,
      closeTimeout: 100,
      limits: { connections: 10_000, unmatched: 10_000_000, unmatchedPerSecond: 1_000_000 },
      publicUrl: `http://127.0.0.1:${this.proxy.port}`,
      logger: { debug: () => undefined, warn: () => undefined },
    });
    const limits = { burst: 1_000_000, perSecond: 1_000_000 };
    const bridge = createBridge(server, { token, store: this.#store, limits, ...this.#options });
    await bridge.listen();
    this.#server = server;
    this.#bridge = bridge;
    this.#port = server.address.port;
    this.proxy.target = this.#port;
  }
}

export function headersOf({ state, key }: Pick<Fate, 'state' | 'key'>): Record<string, string> {
  return { Authorization: `Bearer ${token}`, 'Flow-State': state, 'Flow-Key': key };
}

export function newFate(n: number, key = newState()): Fate {
  return { state: newState(), key, code: `code-${n}`, flowId: undefined, heard: [], late: 0, over: false };
}

/** Notes a result that a program has heard. */
export function hear(fate: Fate, code: string | undefined): void {
  fate.heard.push(code);
  if (fate.over) fate.late++;
}

/** Runs a work for each item, so many at once. */
export async function inLanes<T>(
  items: readonly T[],
  lanes: number,
  run: (item: T, n: number) => Promise<void>,
): Promise<void> {
  const queue = items.entries();
  const lane = async (): Promise<void> => {
    for (const [n, item] of queue) await run(item, n);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** Counts what must not be, and what was sent again. */
export function reckoningOf(fates: readonly Fate[]): {
  lost: number;
  foreign: number;
  doubled: number;
  again: number;
} {
  const count = (bad: (fate: Fate) => boolean): number => fates.filter(bad).length;
  return {
    lost: count(({ heard }) => heard.length === 0),
    foreign: count(({ heard, code }) => heard.some((each) => each !== code)),
    // After the service has forgotten a flow, nothing of it may come: a program that drops repeats hears each once.
    doubled: count(({ late }) => late > 0),
    again: fates.reduce((sum, { heard }) => sum + heard.length - 1, 0),
  };
}
