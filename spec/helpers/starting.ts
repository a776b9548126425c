/** Hosts behind a public URL, and browsers that keep their cookies, for specs of who starts and who finishes. */
import { connectCallbackHost } from '../../src/client.ts';
import type { CallbackHost, Flow, ServerOptions } from '../../src/index.ts';
import { createStoredHost } from '../../src/redis.ts';
import { memoryStore } from '../../src/bridge.ts';
import type { createBridge } from '../../src/bridge/server.ts';
import { setImmediate } from 'node:timers/promises';
import { deadline, is } from './assert.ts';
import { token, withBridge } from './bridge.ts';
import { withServer, type Create, type Endpoint } from './endpoint.ts';
import { send, visit, type Address, type HttpAnswer } from './http.ts';
import { withRedis } from './redis.ts';

export const publicUrl = 'https://sign-in.example';
export const endpointUrl = 'https://as.example/authorize';

/** A browser that opens start URLs and follows redirects to the service. */
export class Browser {
  readonly #address: Address;
  readonly #cookies = new Map<string, string>();

  constructor(address: Address) {
    this.#address = address;
  }

  /** The cookies that it has, oldest first. */
  get cookies(): readonly string[] {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`);
  }

  /** Takes a cookie that another browser has. */
  steal(cookie: string): void {
    const [name = '', value = ''] = cookie.split('=', 2);
    this.#cookies.set(name, value);
  }

  async open(url: string | URL, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> {
    const { pathname, search } = new URL(url);
    return this.#keep(await visit(this.#address, pathname + search, { ...this.#sent(), ...headers }));
  }

  /** Presses the button of a page of the service, or of another site. */
  async post(url: string | URL, origin = publicUrl, body = ''): Promise<HttpAnswer> {
    const { pathname, search } = new URL(url);
    const site = origin === publicUrl ? 'same-origin' : 'cross-site';
    const form = {
      'Content-Type': 'application/x-www-form-urlencoded',
      Origin: origin,
      'Sec-Fetch-Site': site,
    };
    const navigation = { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' };
    const headers = { ...this.#sent(), ...form, ...navigation };
    const target = pathname + search;
    return this.#keep(await send(this.#address, { method: 'POST', target, headers, body }));
  }

  /** Opens a start URL, and says yes if the page asks. */
  async start(url: string | URL): Promise<HttpAnswer> {
    const answer = await this.open(url);
    return answer.body.includes('<form method="post">') ? this.post(url) : answer;
  }

  /** Brings the response of a flow. */
  arrive({ state, redirectUri }: Pick<Flow, 'state' | 'redirectUri'>, code = 'c'): Promise<HttpAnswer> {
    return this.open(`${redirectUri}?code=${code}&state=${state}`);
  }

  #sent(): Record<string, string> {
    return this.#cookies.size === 0 ? {} : { Cookie: this.cookies.join('; ') };
  }

  #keep(answer: HttpAnswer): HttpAnswer {
    for (const [, name = '', value = '', rest = ''] of (answer.raw.split('\r\n\r\n', 1)[0] ?? '').matchAll(
      /^Set-Cookie: ([^=]+)=([^;\r\n]*)(.*)$/gim,
    )) {
      this.#cookies.delete(name);
      if (!rest.includes('Max-Age=0')) this.#cookies.set(name, value);
    }
    return answer;
  }
}

/** A host, and the ports at which browsers open its start URLs and bring its responses; they may be of two nodes. */
export interface StartedHost {
  readonly host: CallbackHost;
  readonly endpoint: Endpoint;
  readonly starts: Browser;
  readonly newBrowser: () => Browser;
}

export interface Makers {
  readonly create?: Create;
  readonly bridge?: typeof createBridge;
}

export type UseHost = (
  body: (started: StartedHost) => Promise<void>,
  options?: ServerOptions,
  makers?: Makers,
) => Promise<void>;

const started = (host: CallbackHost, endpoint: Endpoint): StartedHost => ({
  host,
  endpoint,
  starts: new Browser(endpoint.port),
  newBrowser: () => new Browser(endpoint.port),
});

/** Every kind of host behind a public URL. */
export const hosts: Readonly<Record<string, UseHost>> = {
  'a server of this process': (body, options = {}, { create } = {}) =>
    withServer({ publicUrl, ...options }, (endpoint) => body(started(endpoint.server, endpoint)), create),
  'a server and a store': (body, options = {}, { create } = {}) =>
    withServer(
      { publicUrl, ...options },
      async (endpoint) => {
        await using host = createStoredHost(endpoint.server, memoryStore());
        await body(started(host, endpoint));
      },
      create,
    ),
  'a service over the bridge': (body, options = {}, { bridge } = {}) =>
    withBridge(
      async ({ url, ...endpoint }) => {
        await using host = await connectCallbackHost(url, { token });
        await body(started(host, endpoint));
      },
      {},
      { publicUrl, ...options },
      bridge,
    ),
};

/** Begun at one node, while browsers come to another one. */
export const overRedis: UseHost = (body, options = {}) =>
  withRedis(async ({ open }) => {
    const [mine, other] = [await open(), await open()];
    await withServer({ publicUrl, ...options }, (endpoint) =>
      withServer({ publicUrl, ...options }, async ({ server }) => {
        createStoredHost(endpoint.server, other);
        await using host = createStoredHost(server, mine);
        await body(started(host, endpoint));
      }),
    );
  });

/** Returns the code that a page shows. */
export function codeOn({ body }: HttpAnswer): string {
  const [code = ''] = /\b[A-Z]{4}-[A-Z]{4}\b/.exec(body) ?? [];
  is(code.length, 9, body);
  return code;
}

/** Resolves once something has happened that nothing announces. */
export async function until(what: string, happened: () => boolean): Promise<void> {
  const waiting = async (): Promise<void> => {
    while (!happened()) await setImmediate();
  };
  await deadline(waiting(), what);
}
