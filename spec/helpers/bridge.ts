import { createHmac, randomBytes } from 'node:crypto';
import { WebSocket } from 'ws';
import type { BridgeOptions } from '../../src/bridge/options.ts';
import { subprotocol, type ServiceMessage } from '../../src/wire/protocol.ts';
import { createBridge, type Bridge } from '../../src/bridge/server.ts';
import type { ServerOptions } from '../../src/index.ts';
import { deadline } from './assert.ts';
import { withServer, type Endpoint } from './endpoint.ts';
import { send, type Address, type HttpAnswer } from './http.ts';
import { newState } from './server.ts';

export const token = 'a-token-of-the-specs';

/** Returns a key that owns a flow on the bridge. */
export const newKey = (): string => randomBytes(32).toString('base64url');

/** Proves that a listener has a key. */
export const proofOf = (key: string, nonce: string): string =>
  createHmac('sha256', Buffer.from(key, 'base64url')).update(nonce).digest('base64url');

/** Headers that replace those of a good handshake; null leaves one out. */
export type Change = Readonly<Record<string, string | null>>;

const handshake: Readonly<Record<string, string>> = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol': subprotocol,
  Authorization: `Bearer ${token}`,
};

/** The answer to a good handshake with a change. */
export function shake(
  address: Address,
  change: Change = {},
  target = '/bridge',
  method = 'GET',
): Promise<HttpAnswer> {
  const headers = Object.entries({ ...handshake, ...change }).filter(([, value]) => value !== null);
  return send(address, { method, target, headers: headers as [string, string][] });
}

/** Headers with which a page connects by a ticket. */
export function withTicket(ticket: string, origin: string | null): Change {
  return {
    Authorization: null,
    Origin: origin,
    'Sec-WebSocket-Protocol': `ticket.${ticket}, ${subprotocol}`,
  };
}

/** How the bridge under test is made; a weakened twin is made by another one. */
export type CreateBridge = typeof createBridge;

export interface Bridged extends Endpoint {
  bridge: Bridge;
  url: string;
}

/** A server with a bridge on its port; both closed whatever happens. */
export function withBridge<T>(
  body: (bridged: Bridged) => Promise<T>,
  options: Partial<BridgeOptions> = {},
  serverOptions: ServerOptions = {},
  create: CreateBridge = createBridge,
): Promise<T> {
  return withServer(serverOptions, async (endpoint) => {
    const bridge = create(endpoint.server, { token, ...options });
    await bridge.listen();
    return body({ ...endpoint, bridge, url: `ws://127.0.0.1:${endpoint.port}/bridge` });
  });
}

/** A program's token, or a page's ticket. */
export interface Credential {
  bearer?: string;
  ticket?: string;
  origin?: string;
  /** True if it answers pings, as ws does by default. */
  autoPong?: boolean;
}

/** A WebSocket peer that says exactly what it is told to, and remembers what it hears. */
export class Peer {
  readonly socket: WebSocket;
  readonly heard: ServiceMessage[] = [];
  readonly #arrived = new Set<() => void>();
  readonly #closed: Promise<number>;

  constructor(url: string, { bearer = token, ticket, origin, autoPong = true }: Credential = {}) {
    const headers = ticket === undefined ? { Authorization: `Bearer ${bearer}` } : {};
    const protocols = ticket === undefined ? [] : [`ticket.${ticket}`];
    this.socket = new WebSocket(url, [subprotocol, ...protocols], {
      headers,
      autoPong,
      ...(origin && { origin }),
    });
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
      `a message ${type}`,
    );
    const [message] = this.heard.splice(found(), 1);
    return message as Extract<ServiceMessage, { type: T }>;
  }

  /** The close code. */
  closed(): Promise<number> {
    return deadline(this.#closed, 'a close');
  }

  end(): void {
    this.socket.terminate();
  }

  /** Connected, with the challenge of its connection. */
  async welcome(): Promise<string> {
    return (await this.next('welcome')).nonce;
  }

  /** Begins a flow; gives its id. */
  async begin(state = newState(), key = newKey()): Promise<string> {
    this.say({ type: 'begin', ref: 1, state, key });
    return (await this.next('begun')).flowId;
  }

  /** Resolves once everything that the service has sent until now has been heard. */
  async heardAll(): Promise<void> {
    this.say({ type: 'ping' });
    await this.next('pong');
  }
}

/** A socket's end is seen by its peer a turn or two before it is counted. */
export async function counts(bridge: Bridge, connections: number): Promise<void> {
  const turns = async (): Promise<void> => {
    while (bridge.connections !== connections) await new Promise(setImmediate);
  };
  await deadline(turns(), `${connections} connections`);
}

/** Peers that are ended whatever happens. */
export async function withPeers(
  url: string,
  body: (open: (credential?: Credential, to?: string) => Peer) => Promise<void>,
): Promise<void> {
  const peers: Peer[] = [];
  try {
    await body((credential, to = url) => {
      const peer = new Peer(to, credential);
      peers.push(peer);
      return peer;
    });
  } finally {
    for (const peer of peers) peer.end();
  }
}
