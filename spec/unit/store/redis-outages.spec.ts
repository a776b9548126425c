/** What the store of Redis reports of an outage: its cause, once. */
import { redisStore, type RedisClient, type RedisSubscriber } from '../../../src/redis.ts';
import * as assert from '../../helpers/assert.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('outages of Redis');

const subscriber: RedisSubscriber = {
  connect: () => Promise.resolve(),
  sSubscribe: () => Promise.resolve(),
  on: () => undefined,
  destroy: () => undefined,
};

/** A client that answers, or fails with an error of this message. */
class Client implements RedisClient {
  failing: string | undefined;
  answer: unknown = ['value', 0];

  evalSha(): Promise<unknown> {
    return this.failing === undefined
      ? Promise.resolve(this.answer)
      : Promise.reject(new Error(this.failing));
  }

  eval(): Promise<unknown> {
    return this.evalSha();
  }

  duplicate(): RedisSubscriber {
    return subscriber;
  }
}

/** Opens a store; `check` resolves with the code of the error of a check. */
async function opened(client: Client) {
  const { scheduler, advance } = virtualTime();
  const causes: string[] = [];
  const report = (error: unknown): void => void causes.push(((error as Error).cause as Error).message);
  const store = await redisStore({ client, scheduler, timeout: 100, poll: 600_000, report });
  const check = async (): Promise<unknown> => {
    const open = new Set(['check']);
    const answer = store.check().then(
      () => undefined,
      (error: unknown) => (error as { code?: unknown }).code,
    );
    void answer.finally(() => open.clear());
    while (open.size > 0) {
      advance(25);
      await new Promise(setImmediate);
    }
    return answer;
  };
  return { store, causes, check };
}

for (const message of [
  'READONLY You cannot write against a read only replica.',
  'OOM command not allowed when used memory > maxmemory.',
  'LOADING Redis is loading the dataset in memory',
  'NOAUTH Authentication required.',
  'MISCONF Errors writing to the AOF file',
  'MASTERDOWN Link with MASTER is down',
  'CLUSTERDOWN The cluster is down',
  'BUSY Redis is busy running a script.',
  'connect ECONNREFUSED 127.0.0.1:1',
])
  test(`reports once for each outage: ${message}`, async () => {
    const client = new Client();
    const { store, causes, check } = await opened(client);
    for (const outage of [1, 2]) {
      client.failing = message;
      for (const time of [1, 2, 3]) assert.is(await check(), 'store_unavailable', `check ${time}`);
      assert.equal(
        causes,
        Array.from({ length: outage }, () => message),
      );
      client.failing = undefined;
      assert.is(await check(), undefined);
    }
    await store.close();
  });

test('reports another answer in the same outage, but not another failure to connect', async () => {
  const client = new Client();
  const { store, causes, check } = await opened(client);
  for (client.failing of [
    'The client is offline',
    'read ECONNRESET',
    'LOADING Redis is loading',
    'no answer',
  ])
    await check();
  assert.equal(causes, ['The client is offline', 'LOADING Redis is loading']);
  await store.close();
});

test('rejects a client that transforms answers', async () => {
  const client = new Client();
  for (const answer of [{ 0: 'value', 1: 0 }, [Symbol('value'), 0], ['value', 'x'], null]) {
    client.answer = answer;
    const { message } = await assert.rejects(() => redisStore({ client }), 'invalid_option');
    assert.match(message, /^client must return the answers of Redis unchanged/);
  }
});

test.run();
