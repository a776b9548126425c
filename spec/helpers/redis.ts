/** Questions to Redis behind the store's back. */
import { createClient } from 'redis';
import { redisStore, type RedisFlowStore, type RedisStoreOptions } from '../../src/redis.ts';
import type { FlowStore, NewFlow, StoredFlow } from '../../src/model/flow-store.ts';
import { deadline } from './assert.ts';
import { RedisServer } from './redis-server.ts';
import { newState } from './server.ts';

export const newFlow = (name: string, change: Partial<NewFlow> = {}): NewFlow => ({
  state: `state-of-the-flow-${name}`,
  expectation: { path: '/callback', responseMode: 'query', issuer: undefined },
  redirectUri: 'http://127.0.0.1/callback',
  key: name.repeat(43).slice(0, 43),
  ...change,
});

export type Client = ReturnType<typeof createClient>;

/** A connected client that does not end the process with a connection. */
export async function connected(url: string, options: object = {}): Promise<Client> {
  const client = createClient({ url, ...options });
  client.on('error', () => undefined);
  await client.connect();
  return client as Client;
}

/** The primaries of one Redis, by their URLs. */
export class Admin implements AsyncDisposable {
  readonly clients: readonly Client[];

  private constructor(clients: readonly Client[]) {
    this.clients = clients;
  }

  static async of(urls: readonly string[]): Promise<Admin> {
    return new Admin(await Promise.all(urls.map((url) => connected(url))));
  }

  /** Every key, with the client of its node. */
  async keys(prefix = ''): Promise<{ key: string; client: Client }[]> {
    const found = await Promise.all(
      this.clients.map(async (client) => (await client.keys(`${prefix}*`)).map((key) => ({ key, client }))),
    );
    return found.flat();
  }

  /** Moves what stands under the prefix so many milliseconds nearer to its end. */
  async pass(prefix: string, ms: number): Promise<void> {
    for (const { key, client } of await this.keys(prefix)) {
      if (/(?:epoch|secret)$/.test(key)) continue;
      const left = (await client.pTTL(key)) - ms;
      if ((await client.type(key)) === 'hash' && (await client.hExists(key, 'e')))
        await client.hIncrBy(key, 'e', -ms);
      if (left > 0) await client.pExpire(key, left);
      else await client.del(key);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) client.destroy();
    return Promise.resolve();
  }
}

/** Resolves once the messages of the endings until now have come: those of so many more have, of all shards. */
export async function quiet(store: FlowStore): Promise<void> {
  const woken = Array.from({ length: 30 }, async () => {
    const begun = await store.begin(newFlow('q', { state: newState() }), 60_000);
    if (typeof begun === 'string') throw new Error(begun);
    const { flow } = begun;
    await new Promise<void>((resolve, reject) => {
      store.watch(flow, { wake: resolve });
      store.cancel(flow.state).catch(reject);
    });
    await store.acknowledge(flow.state);
  });
  await deadline(Promise.all(woken), 'messages of Redis');
}

export interface RedisBench {
  server: RedisServer;
  admin: Admin;
  /** A store of another node, with a client of its own unless it is given one. */
  open(options?: Partial<RedisStoreOptions>): Promise<RedisFlowStore>;
  client(url?: string, options?: object): Promise<Client>;
  /** Runs at the end, before what was opened earlier is closed. */
  defer(undo: () => unknown): void;
}

/** Runs `body` with a Redis of its own; whatever it opens is closed. */
export async function withRedis(
  body: (bench: RedisBench) => Promise<void>,
  ...options: readonly string[]
): Promise<void> {
  const undo: (() => unknown)[] = [];
  const server = await RedisServer.start(...options);
  undo.push(() => server[Symbol.asyncDispose]());
  const client: RedisBench['client'] = async (url = server.url, own = {}) => {
    const made = await connected(url, own);
    undo.push(() => made.destroy());
    return made;
  };
  try {
    const admin = await Admin.of([server.url]);
    undo.push(() => admin[Symbol.asyncDispose]());
    await body({
      server,
      admin,
      client,
      async open(own = {}) {
        const store = await redisStore({ client: own.client ?? (await client()), ...own });
        undo.push(() => store.close());
        return store;
      },
      defer: (each) => undo.push(each),
    });
  } finally {
    for (const each of undo.reverse()) await each();
  }
}

/** Begins a flow that must begin. */
export async function begun(store: FlowStore, flow: NewFlow, ttl = 60_000): Promise<StoredFlow> {
  const got = await store.begin(flow, ttl);
  if (typeof got === 'string') throw new Error(`not begun: ${got}`);
  return got.flow;
}

/** Resolves when the flow's watcher is woken. */
export function ending(store: FlowStore, flow: StoredFlow): Promise<void> {
  return new Promise((wake) => store.watch(flow, { wake }));
}
