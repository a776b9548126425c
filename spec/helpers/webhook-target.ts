/** A web server that gets webhooks: it keeps what it is sent, and answers as it is told. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { deadline } from './assert.ts';

export interface Hook {
  readonly headers: IncomingHttpHeaders;
  readonly path: string;
  readonly text: string;
  readonly body: { flowId: string; result: { type: string; response?: { code?: string } } };
}

/** As docs/guides/waiting-without-websocket.md has it. */
export function isSigned({ headers, text: body }: Hook, secret: string): boolean {
  const {
    'webhook-id': id,
    'webhook-timestamp': at,
    'webhook-signature': given,
  } = headers as Record<string, string>;
  if (Math.abs(Date.now() / 1_000 - Number(at)) > 300) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const right = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest();
  return (given ?? '').split(' ').some((each) => {
    const bytes = Buffer.from(each.replace(/^v1,/, ''), 'base64');
    return bytes.length === right.length && timingSafeEqual(bytes, right);
  });
}

export class WebhookTarget implements AsyncDisposable {
  readonly hooks: Hook[] = [];
  /** Answers one request; the default is 204. */
  answer: (response: ServerResponse, hook: Hook) => void = (response) => void response.writeHead(204).end();
  readonly #server: Server;
  readonly #arrived = new Set<() => void>();
  #taken = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      text(request).then(
        (body) => {
          const { headers, url = '' } = request;
          const hook = { headers, path: url, text: body, body: JSON.parse(body) as Hook['body'] };
          this.hooks.push(hook);
          this.answer(response, hook);
          for (const arrived of [...this.#arrived]) arrived();
        },
        () => undefined,
      );
    });
  }

  static async open(): Promise<WebhookTarget> {
    const target = new WebhookTarget();
    target.#server.listen(0, '127.0.0.1');
    await once(target.#server, 'listening');
    return target;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  /** Resolves with the next request, once it is answered. */
  async next(): Promise<Hook> {
    const there = new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.hooks.length <= this.#taken) return;
        this.#arrived.delete(look);
        resolve();
      };
      this.#arrived.add(look);
      look();
    });
    await deadline(there, 'a webhook');
    return this.hooks[this.#taken++]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
