import { Cluster, Redis } from 'ioredis';
import { createCluster } from 'redis';
import { fromIoRedis, redisStore, type RedisClient } from '../../../src/redis.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { Admin, connected, quiet } from '../../helpers/redis.ts';
import { hasRedis, noRedis, RedisCluster, RedisServer } from '../../helpers/redis-server.ts';
import { storeContract } from './contract.ts';

const given = process.env['REDIS_URL'];
// For all tests of this file: a cluster takes seconds to form.
const server = hasRedis ? await RedisServer.start() : undefined;
const cluster = hasRedis ? await RedisCluster.start() : undefined;
const one = server?.url ?? given;
const three = cluster?.nodes.map(({ url }) => url) ?? [];

/** A client of the caller's, and how to close it. */
type Connect = () => Promise<{ client: RedisClient; close: () => void }>;

let runs = 0;

function contract(name: string, urls: readonly string[], connect: Connect): void {
  storeContract(
    `redisStore with ${name}`,
    async (body) => {
      await using admin = await Admin.of(urls);
      const { client, close } = await connect();
      const prefix = `spec-${process.pid}-${++runs}:`;
      const time = virtualTime();
      try {
        await using store = await redisStore({ client, prefix, scheduler: time.scheduler });
        await body({
          store,
          pass: async (ms) => {
            await admin.pass(prefix, ms);
            time.advance(ms + 100);
          },
          quiet: () => quiet(store),
        });
      } finally {
        close();
      }
    },
    urls.length > 0 ? undefined : noRedis,
  );
}

contract('redis', one === undefined ? [] : [one], async () => {
  const client = await connected(one ?? '');
  return { client, close: () => client.destroy() };
});

contract('ioredis', one === undefined ? [] : [one], () => {
  const client = new Redis(one ?? '');
  return Promise.resolve({ client: fromIoRedis(client), close: () => client.disconnect() });
});

contract('a cluster of redis', three, async () => {
  const client = createCluster({ rootNodes: three.map((url) => ({ url })) });
  client.on('error', () => undefined);
  await client.connect();
  return { client, close: () => client.destroy() };
});

contract('a cluster of ioredis', three, () => {
  const client = new Cluster([...three], { shardedSubscribers: true });
  return Promise.resolve({ client: fromIoRedis(client), close: () => client.disconnect() });
});
