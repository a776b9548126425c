import { InvalidOptionError } from '../../../src/base/invalid-option.ts';
import { readOptions } from '../../../src/base/options.ts';
import { readBridgeOptions } from '../../../src/bridge/options.ts';
import { readConnectOptions } from '../../../src/client/options.ts';
import { readSignInOptions } from '../../../src/login/options.ts';
import { readBeginOptions } from '../../../src/model/flow.ts';
import { readMonitorOptions } from '../../../src/monitor/options.ts';
import { readServerOptions } from '../../../src/server/settings.ts';
import type { RedisClient } from '../../../src/store/redis/client.ts';
import { readRedisStoreOptions } from '../../../src/store/redis/options.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('options objects');

const complains = (work: () => unknown, sentence: string): void =>
  assert.match(assert.throws(work, InvalidOptionError).message, sentence);

const table = { name: true, size: true } as const;
const read = (options: object) =>
  readOptions<{ name?: string; size?: number }, { size: number }>(
    options,
    table,
    { of: 'the box' },
    { size: 3 },
  );

test('fills in defaults, and takes what is undefined as left out', () => {
  assert.equal(read({}), { size: 3 });
  assert.equal(read({ name: 'a', size: 0 }), { name: 'a', size: 0 });
  const left = read({ name: undefined, size: undefined });
  assert.equal([left, Object.keys(left)], [{ size: 3 }, ['size']]);
});

test('E-08 says what was given instead of a list or a string, but no text that may be a secret', () => {
  const token = 't'.repeat(32);
  complains(
    () => readBridgeOptions({ tokens: '' as never }),
    'tokens must be a list of { name, token, roles }; got an empty string',
  );
  complains(
    () => readBridgeOptions({ tokens: token as never }),
    'tokens must be a list of { name, token, roles }; got a string',
  );
  complains(() => readBridgeOptions({ token: 5 as never }), 'token must be a string; got a number');
  complains(
    () => readBridgeOptions({ token, origins: 'https://app.example' as never }),
    'origins must be a list of origins; got a string',
  );
  complains(
    () => readBridgeOptions({ token, port: '8080' as never }),
    'port must be a whole number from 0 to 65535; got "8080"',
  );
});

test('rejects unknown names, also those of a prototype, and values that are no object', () => {
  for (const name of ['sise', 'constructor', 'toString', '__proto__']) {
    const options = Object.defineProperty({}, name, { value: undefined, enumerable: true });
    complains(() => read(options), `${name} is not an option of the box`);
  }
  for (const [options, type] of [
    [null, 'null'],
    [1, 'a number'],
    ['a', 'a string'],
  ])
    complains(
      () => read(options as unknown as object),
      `options of the box must be an object; got ${String(type)}`,
    );
});

const client = { evalSha: () => undefined, duplicate: () => undefined } as unknown as RedisClient;
const scheduler = { now: () => 0, schedule: () => undefined } as never;

// With each option that has a default, or needs none, given as undefined.
const readers: Readonly<Record<string, [names: readonly string[], read: (options: object) => object]>> = {
  'the server': [
    ['port', 'callbackPath', 'flowTtl', 'limits', 'tls', 'logger'],
    (options) => readServerOptions(options),
  ],
  'its limits': [['connections', 'unmatched'], (limits) => readServerOptions({ limits }).limits],
  begin: [['state', 'ttl', 'issuer', 'requireIssuer', 'key'], (options) => readBeginOptions(options)],
  'the bridge': [
    ['path', 'port', 'origins', 'limits'],
    (options) => readBridgeOptions({ token: 't'.repeat(32), ...options }),
  ],
  "the bridge's limits": [
    ['queued', 'events'],
    (limits) => readBridgeOptions({ token: 't'.repeat(32), limits }).limits,
  ],
  redisStore: [
    ['prefix', 'tenant', 'keys', 'quota', 'timeout'],
    (options) => readRedisStoreOptions({ client, ...options }),
  ],
  'its quota': [['flows', 'perSecond'], (quota) => readRedisStoreOptions({ client, quota }).quota!],
  'the monitor': [['path', 'linkTtl', 'pageSessionTtl'], (options) => readMonitorOptions(options)],
  connectCallbackHost: [
    ['ticket', 'origin', 'agent', 'history', 'scheduler', 'report'],
    (options) => readConnectOptions('ws://127.0.0.1:1/bridge', { token: 'a', ...options }, 'node'),
  ],
  signIn: [
    ['clientId', 'scope', 'resource', 'host', 'timeout', 'metadata'],
    (options) => readSignInOptions({ issuer: 'https://as.example', ...options }),
  ],
};

for (const [who, [names, readThem]] of Object.entries(readers)) {
  test(`${who} reads undefined as left out`, () => {
    const plain = readThem({});
    for (const name of names) {
      const given = readThem({ [name]: undefined });
      assert.equal([name, given, Object.keys(given).sort()], [name, plain, Object.keys(plain).sort()]);
    }
  });
  test(`${who} refuses a misspelt option`, () => {
    complains(() => readThem({ noSuchOption: undefined }), 'noSuchOption is not an option of ');
  });
}

test('a scheduler is one of the options', () => {
  assert.is(readConnectOptions('ws://127.0.0.1:1/', { token: 'a', scheduler }, 'node').scheduler, scheduler);
});

test.run();
