/** What a spec asks of Redis behind the store's back. */
import { createClient } from 'redis';
import type { FlowStore } from '../../src/store/store.ts';
import { newFlow } from '../store/contract.ts';
import { deadline } from './assert.ts';
import { newState } from './bridge.ts';

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
      if (key.endsWith('epoch')) continue;
      const left = Number(await client.pTTL(key)) - ms;
      if (await client.hExists(key, 'e')) await client.hIncrBy(key, 'e', -ms);
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
      store.watch(flow, resolve);
      store.cancel(flow.state).catch(reject);
    });
    await store.acknowledge(flow.state);
  });
  await deadline(Promise.all(woken), 5_000, 'messages of Redis');
}
