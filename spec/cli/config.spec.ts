/** Flags over environment over file, for everything that can be set. */
import { readConfig } from '../../src/cli/serve/config.ts';
import { valueAt, type Flags } from '../../src/cli/serve/layers.ts';
import { bridgeOptions, serverOptions } from '../../src/cli/serve/options.ts';
import { nameOf, settings, variableOf, type Reading, type Setting } from '../../src/cli/serve/settings.ts';
import { readAccess } from '../../src/cli/serve/tokens.ts';
import { createOAuthCallbackServer } from '../../src/index.ts';
import { serverOptionNames } from '../../src/options.ts';
import { bridgeOptionNames } from '../../src/bridge/options.ts';
import { config as schema } from '../../src/cli/serve/schema.ts';
import { readMonitorOptions } from '../../src/monitor/options.ts';
import { redisStoreOptionNames } from '../../src/store/redis/options.ts';
import * as assert from '../helpers/assert.ts';
import { Folder } from '../helpers/cli.ts';
import { namesUnder, rowsUnder } from '../helpers/readme.ts';
import { suite } from '../helpers/suite.ts';

/** Texts to give, each with the value that it has, one for each layer. */
const samples: Readonly<Record<Reading, readonly [text: string, value: unknown][]>> = {
  text: [
    ['one', 'one'],
    ['two', 'two'],
    ['three', 'three'],
  ],
  number: [
    ['11', 11],
    ['12', 12],
    ['13', 13],
  ],
  numbers: [
    ['11', 11],
    ['12', 12],
    ['13', 13],
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
  choice: [
    ['11', 11],
    ['false', false],
    ['13', 13],
  ],
  policy: [
    ['reject', 'reject'],
    ['holdFor=1,max=2', { holdFor: 1, max: 2 }],
    ['accept', 'accept'],
  ],
};

/** Of settings that take some texts only. */
const particular: Readonly<Record<string, readonly [text: string, value: unknown][]>> = {
  token: ['first', 'second', 'third'].map((name) => [
    `the-token-that-is-${name}`,
    `the-token-that-is-${name}`,
  ]),
  'monitor.path': [
    ['/one', '/one'],
    ['false', false],
    ['/three', '/three'],
  ],
  cleanUrl: [
    ['script', 'script'],
    ['false', false],
    ['redirect', 'redirect'],
  ],
  language: ['en', 'de', 'fr'].map((code) => [code, code]),
  logLevel: ['debug', 'warn', 'silent'].map((level) => [level, level]),
};

function nest(key: string, value: unknown): Record<string, unknown> {
  const [name = '', ...more] = key.split('.');
  return { [name]: more.length > 0 ? nest(more.join('.'), value) : value };
}

/** What is read of a setting, where the layers say these; a certificate comes with its key. */
function read(
  setting: Setting,
  flag: string | undefined,
  variable: string | undefined,
  inFile: unknown,
): unknown {
  using folder = new Folder();
  const file = folder.write('serve.json', inFile === undefined ? {} : nest(setting.key, inFile));
  const others = setting.key.startsWith('tls.') ? { 'tls.cert': 'cert.pem', 'tls.key': 'key.pem' } : {};
  const flags: Record<string, string | readonly string[] | undefined> = { config: file };
  const env: Record<string, string | undefined> = { [variableOf(setting)]: variable };
  for (const [key, value] of Object.entries(others)) if (key !== setting.key) flags[key] = [value];
  if (flag !== undefined) flags[setting.key] = [flag];
  return valueAt(readConfig(flags, env).config, setting.key);
}

const test = suite('configuration of serve');

for (const setting of settings) {
  test(`${setting.key} is set by ${nameOf(setting)}, over ${variableOf(setting)}, over the file`, () => {
    const [one, two, three] = particular[setting.key] ?? samples[setting.reads];
    const merged = setting.reads === 'bounds';
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
    { issuers: ['https://a.example', 'https://b.example'], limits: ['body=1', 'headers=2,strays=3'] },
    {
      RX_OAUTH_CALLBACK_PORT: '8080 8081',
      RX_OAUTH_CALLBACK_ORIGIN: 'https://a.example  https://b.example',
      RX_OAUTH_CALLBACK_LIMIT: 'body=4 connections=5',
    },
  );
  assert.equal(config.issuers, ['https://a.example', 'https://b.example']);
  assert.equal(config.port, [8080, 8081]);
  assert.equal(config.bridge?.origins, ['https://a.example', 'https://b.example']);
  assert.equal(config.limits, { body: 1, headers: 2, strays: 3, connections: 5 });
});

/** Every option that a program can give, by where it stands in the file. */
const optionsOfPrograms: readonly string[] = [
  ...serverOptionNames,
  ...[...bridgeOptionNames].map((name) => (/^tokens?$/.test(name) ? name : `bridge.${name}`)),
  ...Object.keys(readMonitorOptions({})).map((name) => `monitor.${name}`),
  ...[...redisStoreOptionNames].map((name) => `redis.${name}`),
];

/** What only a program can give: code, objects and flows of its own. */
const onlyOfPrograms = [
  'server',
  'render',
  'resultContainer',
  'resultReady',
  'scheduler',
  'logger',
  // Which leaves the flows of listeners alone, and there are no others.
  'errorWithoutState',
  'bridge.authenticate',
  // Which --redis makes.
  'bridge.store',
  'redis.client',
  'redis.report',
  'redis.scheduler',
];

/** What is of the command alone. */
const onlyOfCommand = ['metricsPort', 'redis.url', 'drain', 'json', 'logLevel'];

test('has a setting for every option of server, bridge, monitor and store that a command line can give', () => {
  const isSet = (option: string): boolean =>
    settings.some(({ key }) => key === option || key.startsWith(`${option}.`));
  assert.equal(optionsOfPrograms.filter((option) => !isSet(option)).sort(), onlyOfPrograms.toSorted());
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
  assert.equal(keysOf(schema as Shape).sort(), settings.map(({ key }) => key).sort());
});

/** Of a schema of valibot: an object has entries, and an optional one wraps it. */
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

test('README.md has a row for each option of the server and of the store', () => {
  assert.equal(namesUnder('Options', 'Option').sort(), [...serverOptionNames].sort());
  assert.equal(
    namesUnder('Many nodes', 'Option of `redisStore()`').sort(),
    [...redisStoreOptionNames].sort(),
  );
});

test('README.md has a row for each setting', () => {
  assert.equal(
    rowsUnder('Settings of serve')
      .slice(1)
      .map(([flag = '', variable = '', key = '']) =>
        [flag, variable, key].map((cell) => cell.replaceAll('`', '')),
      ),
    settings.map((setting) => [nameOf(setting), variableOf(setting), setting.key]),
  );
});

test.run();
