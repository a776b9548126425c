/** Flags over environment over file, for everything that can be set. */
import { join } from 'node:path';
import { readConfig } from '../../../../src/cli/serve/config.ts';
import { parse } from '../../../../src/cli/settings/read.ts';
import { valueAt, type Flags } from '../../../../src/cli/settings/layers.ts';
import { bridgeOptions, serverOptions } from '../../../../src/cli/serve/options.ts';
import { optionsOf } from '../../../../src/cli/settings/flags.ts';
import { nameOf, variableOf, type Setting, type ValueType } from '../../../../src/cli/settings/setting.ts';
import { programOnly, settings } from '../../../../src/cli/serve/settings.ts';
import { readAccess } from '../../../../src/cli/serve/tokens.ts';
import { createOAuthCallbackServer } from '../../../../src/index.ts';
import { readServerOptions, serverOptionTable } from '../../../../src/server/settings.ts';
import { jwtOptionTable } from '../../../../src/bridge/jwt-options.ts';
import { bridgeOptionTable, readBridgeOptions } from '../../../../src/bridge/options.ts';
import { configSchema } from '../../../../src/cli/settings/schema.ts';
import { readMonitorOptions } from '../../../../src/monitor/options.ts';
import { readRedisStoreOptions, redisStoreOptionTable } from '../../../../src/store/redis/options.ts';
import { readSqliteStoreOptions, sqliteStoreOptionTable } from '../../../../src/store/sqlite/options.ts';
import type { RedisClient } from '../../../../src/store/redis/client.ts';
import { settingsTable } from '../../../../tools/command.ts';
import * as assert from '../../../helpers/assert.ts';
import { Folder } from '../../../helpers/cli.ts';
import { suite } from '../../../helpers/suite.ts';

type Samples = readonly (readonly [text: string, value: unknown])[];

const words: Samples = ['one', 'two', 'three'].map((word) => [word, word]);
const tokens: Samples = words.map(([word]) => [`the-token-that-is-${word}`, `the-token-that-is-${word}`]);
const numbers: Samples = [11, 12, 13].map((number) => [String(number), number]);

const paths: Samples = ['/one', '/two', '/three'].map((path) => [path, path]);
const issuers: Samples = ['https://a.example', 'https://b.example', 'http://127.0.0.1:1/c'].map((url) => [
  url,
  [url],
]);

/** Texts to give, each with the value that it has, one for each layer. */
const samples: Readonly<Record<Exclude<ValueType, 'choice'>, Samples>> = {
  text: words,
  file: paths,
  place: paths,
  token: tokens,
  tokens: paths,
  texts: paths,
  tenants: paths,
  integer: numbers,
  integers: numbers,
  port: numbers,
  image: paths,
  duration: [
    ['11', 11],
    ['12s', 12_000],
    ['13m', 780_000],
  ],
  durationOrFalse: [
    ['11', 11],
    ['false', false],
    ['1h', 3_600_000],
  ],
  pathOrFalse: [
    ['/one', '/one'],
    ['false', false],
    ['/three', '/three'],
  ],
  list: [
    ['a', ['a']],
    ['b', ['b']],
    ['c', ['c']],
  ],
  switch: [
    ['true', true],
    ['false', false],
    ['1', true],
  ],
  bounds: [
    ['a=1', { a: 1 }],
    ['b=2', { b: 2 }],
    ['c=3', { c: 3 }],
  ],
  policy: [
    ['reject', 'reject'],
    ['holdFor=1,max=2', { holdFor: 1, max: 2 }],
    ['accept', 'accept'],
  ],
};

function samplesOf({ key, type, choices = [] }: Setting): Samples {
  if (key === 'issuers') return issuers;
  return type === 'choice' ? choices.map((choice) => [String(choice), choice]) : samples[type];
}

function nest(key: string, value: unknown): Record<string, unknown> {
  const [name = '', ...more] = key.split('.');
  return { [name]: more.length > 0 ? nest(more.join('.'), value) : value };
}

/** Settings that an object must have together. */
const together: readonly Readonly<Record<string, string>>[] = [
  { 'tls.cert': 'cert.pem', 'tls.key': 'key.pem' },
  { 'jwt.jwks': 'https://as.example/jwks', 'jwt.issuer': 'https://as.example', 'jwt.audience': 'us' },
];

/** Reads a setting from these layers; a certificate comes with its key. */
function read(
  setting: Setting,
  flag: string | undefined,
  variable: string | undefined,
  inFile: unknown,
): unknown {
  using folder = new Folder();
  const file = folder.write('serve.json', inFile === undefined ? {} : nest(setting.key, inFile));
  const others = together.find((each) => setting.key in each) ?? {};
  const flags: Record<string, string | readonly string[] | undefined> = { config: file };
  const env: Record<string, string | undefined> = { [variableOf(setting)]: variable };
  for (const [key, value] of Object.entries(others)) if (key !== setting.key) flags[key] = [value];
  if (flag !== undefined) flags[setting.key] = [flag];
  return valueAt(readConfig(flags, env).config, setting.key);
}

const test = suite('configuration of serve');

for (const setting of settings) {
  test(`${setting.key} is set by ${nameOf(setting)}, over ${variableOf(setting)}, over the file`, () => {
    const [one, two, three] = samplesOf(setting);
    const merged = setting.type === 'bounds';
    assert.equal(read(setting, undefined, undefined, three![1]), three![1]);
    assert.equal(
      read(setting, undefined, two![0], three![1]),
      merged ? { ...(three![1] as object), ...(two![1] as object) } : two![1],
    );
    assert.equal(
      read(setting, one![0], two![0], three![1]),
      merged ? Object.assign({}, three![1], two![1], one![1]) : one![1],
    );
    assert.equal(read(setting, one![0], undefined, undefined), one![1]);
    assert.equal(read(setting, undefined, '', three![1]), three![1], 'an empty variable is none');
  });
}

test('takes several values by repeating the flag, or with spaces in the environment', () => {
  const { config } = readConfig(
    { issuers: ['https://a.example', 'https://b.example'], limits: ['body=1', 'headers=2,unmatched=3'] },
    {
      RX_OAUTH_CALLBACK_PORT: '8080 8081',
      RX_OAUTH_CALLBACK_ORIGIN: 'https://a.example  https://b.example',
      RX_OAUTH_CALLBACK_LIMIT: 'body=4 connections=5',
    },
  );
  assert.equal(config.issuers, ['https://a.example', 'https://b.example']);
  assert.equal(config.port, [8080, 8081]);
  assert.equal(config.bridge?.origins, ['https://a.example', 'https://b.example']);
  assert.equal(config.limits, { body: 1, headers: 2, unmatched: 3, connections: 5 });
});

/** Options that a program can give, by their place in the file. */
const optionsOfPrograms: readonly string[] = [
  ...Object.keys(serverOptionTable),
  ...[...Object.keys(bridgeOptionTable)].map((name) => (/^tokens?$/.test(name) ? name : `bridge.${name}`)),
  ...Object.keys(jwtOptionTable).map((name) => `jwt.${name}`),
  ...Object.keys(readMonitorOptions({})).map((name) => `monitor.${name}`),
  ...Object.keys(redisStoreOptionTable).map((name) => `redis.${name}`),
  ...Object.keys(sqliteStoreOptionTable).map((name) => `store.${name}`),
];

/** Options that only a program can give, by their place in the file. */
const onlyOfPrograms = Object.entries(programOnly).flatMap(([object, names]) => {
  const prefixes: Readonly<Record<string, string>> = { server: '', sqlite: 'store.' };
  return Object.keys(names).map((name) => (prefixes[object] ?? `${object}.`) + name);
});

/** Settings that only the command has. */
const onlyOfCommand = [
  'clientMetadataPath',
  'clientName',
  'metricsPort',
  'metricsHost',
  'healthPort',
  'healthHost',
  'webhooks.targets',
  'webhooks.privateTargets',
  'webhooks.secrets',
  'redis.url',
  'tenants',
  'drain',
  'json',
  'logLevel',
];

test('has a setting for every option of server, bridge, monitor and store that a command line can give', () => {
  // An object of its own in the file, because it is none of the bridge's own options.
  const placeOf = (option: string): string => (option === 'bridge.webhooks' ? 'webhooks' : option);
  const isSet = (option: string): boolean =>
    settings.some(({ key }) => key === option || key.startsWith(`${placeOf(option)}.`));
  assert.equal(optionsOfPrograms.filter((option) => !isSet(option)).sort(), onlyOfPrograms.sort());
});

test('has no setting for what is no option', () => {
  const isOption = (key: string): boolean =>
    optionsOfPrograms.some((option) => key === option || key.startsWith(`${option}.`));
  assert.equal(
    settings.map(({ key }) => key).filter((key) => !isOption(key)),
    onlyOfCommand,
  );
});

test('has in the file what it has as flags, and nothing else', () => {
  assert.equal(keysOf(configSchema(settings) as Shape).sort(), settings.map(({ key }) => key).sort());
});

/** Part of a valibot schema: an object has entries, and an optional one wraps it. */
interface Shape {
  readonly entries?: Readonly<Record<string, Shape>>;
  readonly wrapped?: Shape;
}

function keysOf(shape: Shape): string[] {
  return Object.entries(shape.entries ?? {}).flatMap(([name, { wrapped, ...own }]) => {
    const { entries } = wrapped ?? own;
    return entries ? keysOf({ entries }).map((key) => `${name}.${key}`) : [name];
  });
}

test('gives the server and the bridge what they know, and nothing else', async () => {
  const flags: Flags = { flowTtl: ['1000'], 'bridge.path': ['/wait'], drain: ['1'], metricsPort: ['0'] };
  const { config } = readConfig(flags, {});
  const options = await serverOptions(config);
  assert.equal(options, { flowTtl: 1_000 });
  assert.equal(bridgeOptions(config), { path: '/wait' });
  createOAuthCallbackServer(options);
});

test('switches off by a flag what the environment or the file has switched on', () => {
  using folder = new Folder();
  const file = folder.write('serve.json', { json: true });
  const env = { RX_OAUTH_CALLBACK_JSON: 'true' };
  assert.is(readConfig({ config: file }, {}).config.json, true);
  assert.is(readConfig({ config: file }, { RX_OAUTH_CALLBACK_JSON: 'false' }).config.json, false);
  assert.is(readConfig({ config: file, json: false }, {}).config.json, false);
  assert.is(readConfig({ json: false }, env).config.json, false);
});

test('--config names the file, over RX_OAUTH_CALLBACK_CONFIG', () => {
  using folder = new Folder();
  const [one, two] = ['one', 'two'].map((title) => folder.write(`${title}.json`, { title }));
  const titleOf = (config: string | undefined, variable: string): string | undefined =>
    readConfig({ config }, { RX_OAUTH_CALLBACK_CONFIG: variable }).config.title;
  assert.equal(
    [titleOf(one, two!), titleOf(undefined, two!), titleOf(undefined, '')],
    ['one', 'two', undefined],
  );
});

test('has defaults where nothing is set', () => {
  assert.equal(readConfig({}, {}).config, { drain: 5_000, json: false, logLevel: 'info' });
});

test('makes a token only where none is given, and the same one again', () => {
  const { config } = readConfig({}, {});
  const { tokens, made } = readAccess(config);
  assert.match(made ?? '', /^[\w-]{43}$/);
  assert.equal(tokens, [{ name: 'token', token: made, roles: ['listener', 'monitor'] }]);
  assert.equal(readAccess(config, made).tokens, tokens);
  assert.not.equal(readAccess(config).made, made);
  const given = readAccess(readConfig({ token: ['the-token-that-is-given'] }, {}).config);
  assert.is(given.made, undefined);
  assert.is(given.tokens[0]?.token, 'the-token-that-is-given');
});

test('says the defaults that the library has', () => {
  const client = { evalSha: () => undefined, duplicate: () => undefined } as unknown as RedisClient;
  const defaults: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    server: { ...readServerOptions({}), port: 0 },
    bridge: { ...readBridgeOptions({ token: 'a-token-of-the-specs' }) },
    monitor: { ...readMonitorOptions({}) },
    redis: { ...readRedisStoreOptions({ client }) },
    sqlite: { ...readSqliteStoreOptions({ file: 'flows.db' }) },
  };
  const said = settings.filter(({ feeds, default: value }) => feeds !== 'command' && value !== undefined);
  assert.ok(said.length > 10);
  for (const { feeds, default: value } of said) {
    const [object = '', name = ''] = feeds.split('.');
    assert.is(value, defaults[object]?.[name], feeds);
  }
});

test('has flag, variable, schema, help and row in settings.md of one row of its table', () => {
  const added: Setting = {
    key: 'bridge.greeting',
    group: 'Pages:',
    feeds: 'command',
    flag: '--bridge-greeting <text>',
    type: 'choice',
    choices: ['hello', 'good day'],
    default: 'hello',
    sentence: 'how programs are greeted',
  };
  const meaning = 'how programs are greeted: hello or good day (default: hello)';
  assert.equal(
    optionsOf(added).map(({ flags, description }) => [flags, description]),
    [['--bridge-greeting <text>', meaning]],
  );
  const schema = configSchema([...settings, added]);
  const read = (greeting?: string): unknown =>
    parse(schema, { bridge: { greeting } }, (path) => path.join('.'))['bridge'];
  assert.equal([read(), read('good day')], [{ greeting: 'hello' }, { greeting: 'good day' }]);
  assert.is(
    assert.throws(() => read('moin')).message,
    'bridge.greeting must be hello or good day; got "moin"',
  );
  const row = settingsTable([added]).split('\n').at(-1);
  const cells = ['`--bridge-greeting`', '`RX_OAUTH_CALLBACK_BRIDGE_GREETING`', '`bridge.greeting`'];
  assert.is(row, `| ${[...cells, `H${meaning.slice(1)}.`].join(' | ')} |`);
});

test('a relative path in the file begins at the folder of the file, and one in a flag or variable does not', () => {
  using folder = new Folder();
  const tls = { cert: 'cert.pem', key: '/etc/key.pem' };
  const file = folder.write('serve.json', {
    tls,
    tokens: '../tokens.json',
    redis: { url: 'redis://x', keys: 'keys.json' },
  });
  const { config } = readConfig({ config: file }, {});
  assert.equal(config.tls, { cert: join(folder.path, 'cert.pem'), key: '/etc/key.pem' });
  assert.is(config.tokens, join(folder.path, '../tokens.json'));
  assert.is(config.redis?.keys, join(folder.path, 'keys.json'));
  const over = readConfig({ config: file, 'tls.cert': ['mine.pem'] }, { RX_OAUTH_CALLBACK_TOKENS: 't.json' });
  assert.equal([over.config.tls?.cert, over.config.tokens], ['mine.pem', 't.json']);
});

test.run();
