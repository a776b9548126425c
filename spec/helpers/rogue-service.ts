/** A callback service that says what a spec wants, valid or not. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import { subprotocol } from '../../src/wire/names.ts';

export type Said = Readonly<Record<string, unknown>>;

export class RogueService implements AsyncDisposable {
  readonly #server: WebSocketServer;
  readonly #waiting = new Set<() => void>();
  /** Messages of clients that were not taken yet. */
  readonly heard: Said[] = [];
  #socket: WebSocket | undefined;

  private constructor(server: WebSocketServer, welcome: object) {
    this.#server = server;
    server.on('connection', (socket) => {
      this.#socket = socket;
      socket.on('error', () => undefined);
      socket.on('message', (data) => {
        this.heard.push(JSON.parse((data as Buffer).toString()) as Said);
        for (const look of this.#waiting) look();
      });
      this.say({
        type: 'welcome',
        roles: ['listener', 'monitor'],
        nonce: 'n',
        epoch: 'e',
        redirectUri: 'https://service.example/callback',
        now: Date.now(),
        burst: 500,
        perSecond: 200,
        ...welcome,
      });
    });
  }

  /** @param welcome Members of `welcome` that are not the usual ones. */
  static async open(welcome: object = {}): Promise<RogueService> {
    const handleProtocols = (): string => subprotocol;
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols });
    await once(server, 'listening');
    return new RogueService(server, welcome);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/bridge`;
  }

  say(message: object | string): void {
    this.#socket?.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  close(code: number): void {
    this.#socket?.close(code);
  }

  /** The close code of the last connection. */
  closed(): Promise<number> {
    return new Promise((resolve) => this.#socket?.once('close', resolve));
  }

  /** The first message of a type that was not taken yet. */
  async next(type: string): Promise<Said> {
    for (;;) {
      const found = this.heard.findIndex((message) => message['type'] === type);
      if (found >= 0) return this.heard.splice(found, 1)[0]!;
      await new Promise<void>((resolve) => {
        const look = (): void => {
          this.#waiting.delete(look);
          resolve();
        };
        this.#waiting.add(look);
      });
    }
  }

  /** Answers the next `begin`. Returns it. */
  async begins(changes: object = {}): Promise<Said> {
    const begin = await this.next('begin');
    const { ref } = begin;
    const usual = { redirectUri: 'https://service.example/callback', expiresAt: Date.now() + 600_000 };
    this.say({ type: 'begun', ref, flowId: `f${String(ref)}`, ...usual, ...changes });
    return begin;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#server.clients) client.terminate();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
