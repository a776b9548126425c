import { WebSocket } from 'ws';
import type { BridgeOptions } from '../../src/bridge/options.ts';
import { subprotocol, type ServiceMessage } from '../../src/bridge/protocol.ts';
import { createBridge, type Bridge } from '../../src/bridge/server.ts';
import type { ServerOptions } from '../../src/index.ts';
import { deadline } from './assert.ts';
import { withServer, type Endpoint } from './endpoint.ts';

export const token = 'a-token-of-the-specs';

export interface Bridged extends Endpoint {
  bridge: Bridge;
  url: string;
}

/** A server with a bridge on its port; both closed whatever happens. */
export function withBridge<T>(
  body: (bridged: Bridged) => Promise<T>,
  options: Partial<BridgeOptions> = {},
  serverOptions: ServerOptions = {},
): Promise<T> {
  return withServer(serverOptions, async (endpoint) => {
    const bridge = createBridge(endpoint.server, { token, ...options });
    await bridge.listen();
    return body({ ...endpoint, bridge, url: `ws://127.0.0.1:${endpoint.port}/bridge` });
  });
}

/** A WebSocket peer that says exactly what it is told to, and remembers what it hears. */
export class Peer {
  readonly socket: WebSocket;
  readonly heard: ServiceMessage[] = [];
  readonly #arrived = new Set<() => void>();
  readonly #closed: Promise<number>;

  constructor(url: string, headers: Record<string, string> = { Authorization: `Bearer ${token}` }) {
    this.socket = new WebSocket(url, subprotocol, { headers });
    this.socket.on('error', () => undefined);
    this.socket.on('message', (data) => {
      this.heard.push(JSON.parse((data as Buffer).toString()) as ServiceMessage);
      for (const arrived of this.#arrived) arrived();
    });
    this.#closed = new Promise((resolve) => this.socket.on('close', resolve));
  }

  say(message: unknown): void {
    this.socket.send(JSON.stringify(message));
  }

  /** The first message of a type that is not taken yet. */
  async next<T extends ServiceMessage['type']>(type: T): Promise<Extract<ServiceMessage, { type: T }>> {
    const found = (): number => this.heard.findIndex((message) => message.type === type);
    await deadline(
      new Promise<void>((resolve) => {
        const look = (): void => {
          if (found() < 0) return;
          this.#arrived.delete(look);
          resolve();
        };
        this.#arrived.add(look);
        look();
      }),
      10_000,
      `a message ${type}`,
    );
    const [message] = this.heard.splice(found(), 1);
    return message as Extract<ServiceMessage, { type: T }>;
  }

  /** The close code. */
  closed(): Promise<number> {
    return deadline(this.#closed, 10_000, 'a close');
  }

  end(): void {
    this.socket.terminate();
  }
}
