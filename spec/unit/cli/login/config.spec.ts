/** Flags over environment over profile over file, for everything that `login` can be told. */
import { chmodSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CommandError } from '../../../../src/cli/errors.ts';
import { defaultFile, readConfig } from '../../../../src/cli/login/config.ts';
import { configSetting, profileSetting, settings, settingsOf } from '../../../../src/cli/login/table.ts';
import { readLogin, requirePlace } from '../../../../src/cli/login/settings.ts';
import { optionsOf } from '../../../../src/cli/settings/flags.ts';
import { valueAt, type Flags } from '../../../../src/cli/settings/layers.ts';
import { nameOf, variableOf, type Setting } from '../../../../src/cli/settings/setting.ts';
import * as assert from '../../../helpers/assert.ts';
import { Folder } from '../../../helpers/cli.ts';
import { suite } from '../../../helpers/suite.ts';

const test = suite('configuration of login');

/** Texts to give, each with the value that it has, one for each layer. */
function samplesOf({
  type,
  choices = [],
  key,
}: Setting): readonly (readonly [text: string, value: unknown])[] {
  if (type === 'switch')
    return [
      ['true', true],
      ['false', false],
      ['1', true],
      ['0', false],
    ];
  if (type === 'port') return [11, 12, 13, 14].map((each) => [String(each), each]);
  if (type === 'duration')
    return [
      ['11', 11_000],
      ['12s', 12_000],
      ['13m', 780_000],
      ['1h', 3_600_000],
    ];
  if (type === 'choice') return [...choices, ...choices].map((each) => [String(each), each]);
  const texts = ['/one', '/two', '/three', '/four'].map((each) =>
    key === 'parameters' ? `a=${each}` : each,
  );
  return texts.map((text) => [text, type === 'list' ? [text] : text]);
}

for (const setting of settings)
  test(`${setting.key} is set by ${nameOf(setting)}, over ${variableOf(setting)}, over the profile, over the file`, () => {
    const [flag, variable, inProfile, inFile] = samplesOf(setting);
    using folder = new Folder();
    const { key, type } = setting;
    // A duration is a text in the file too.
    const written = ([text, value]: readonly [string, unknown]): unknown =>
      type === 'duration' ? text : value;
    const content = {
      [key]: written(inFile!),
      profiles: { work: { [key]: written(inProfile!) }, other: {} },
    };
    const config = folder.write('login.json', content);
    const read = (flags: object, env: Record<string, string> = {}): unknown =>
      valueAt(readConfig({ config, ...flags }, env).config, key);
    const ofVariable = { [variableOf(setting)]: variable![0] };
    assert.equal(read({}), inFile![1], 'the file');
    assert.equal(read({ profile: 'other' }), inFile![1], 'a profile without it');
    assert.equal(read({ profile: 'work' }), inProfile![1], 'the profile');
    assert.equal(read({ profile: 'work' }, ofVariable), variable![1], 'the variable');
    if (setting.flag !== undefined)
      assert.equal(read({ profile: 'work', [key]: [flag![0]] }, ofVariable), flag![1], 'the flag');
    assert.equal(read({}, { [variableOf(setting)]: '' }), inFile![1], 'an empty variable is none');
  });

test('each variable has the prefix of login, except those of secrets that other commands read too', () => {
  const others = settingsOf('login')
    .map(variableOf)
    .filter((name) => !name.startsWith('RX_OAUTH_CALLBACK_LOGIN_'));
  assert.equal(others, ['RX_OAUTH_CALLBACK_CLIENT_SECRET', 'RX_OAUTH_CALLBACK_TOKEN']);
});

test('no secret of a client has a flag', () => {
  const secret = settings.find(({ key }) => key === 'clientSecret')!;
  assert.equal(optionsOf(secret), []);
});

test('token and logout have the settings of a saved sign-in only', () => {
  for (const command of ['token', 'logout'] as const)
    assert.equal(
      settingsOf(command).map(({ key }) => key),
      ['clientSecret', 'clientAuth', 'save', 'config', 'profile'],
    );
});

test('the file and the profile are named by flags over variables', () => {
  using folder = new Folder();
  const [one, two] = ['one', 'two'].map((clientId) =>
    folder.write(`${clientId}.json`, {
      clientId,
      profiles: { work: { clientId: `${clientId} at work` }, home: { clientId: `${clientId} at home` } },
    }),
  );
  const env: Record<string, string> = {
    [variableOf(configSetting)]: two!,
    [variableOf(profileSetting)]: 'home',
  };
  const clientOf = (flags: Flags, of: Record<string, string> = env): unknown =>
    readConfig(flags, of).config.clientId;
  assert.is(clientOf({}), 'two at home');
  assert.is(clientOf({ config: [one!] }), 'one at home');
  assert.is(clientOf({ config: one!, profile: ['work'] }), 'one at work');
  assert.is(clientOf({ config: one! }, {}), 'one');
});

test('without a name the file is in the folder for configurations, and need not exist', () => {
  using folder = new Folder();
  const env = { XDG_CONFIG_HOME: folder.path };
  assert.is(readConfig({}, env).config.issuer, undefined);
  mkdirSync(join(folder.path, 'rx-oauth-callback'));
  folder.write('rx-oauth-callback/login.json', { issuer: 'https://as.example' });
  assert.is(readConfig({}, env).config.issuer, 'https://as.example');
  const atHome = join(homedir(), '.config', 'rx-oauth-callback', 'login.json');
  assert.equal([defaultFile({}), defaultFile({ XDG_CONFIG_HOME: 'relative' })], [atHome, atHome]);
});

test('a relative file begins at the folder of the configuration, a keychain has no folder', () => {
  using folder = new Folder();
  const config = folder.write('login.json', {
    save: 'tokens.json',
    profiles: { work: { save: '../work.json' }, chain: { save: 'keychain:work' } },
  });
  const placeOf = (profile?: string): unknown =>
    readConfig({ config, ...(profile !== undefined && { profile }) }, {}).config.save;
  assert.equal(
    [placeOf(), placeOf('work'), placeOf('chain')],
    [join(folder.path, 'tokens.json'), join(folder.path, '..', 'work.json'), 'keychain:work'],
  );
  assert.is(readConfig({ config, save: ['mine.json'] }, {}).config.save, 'mine.json');
});

const isUsage = (error: Error): boolean => error instanceof CommandError && error.exitCode === 2;

for (const [what, content, flags, sentence] of [
  ['an unknown key', { isuer: 'x' }, {}, 'isuer in FILE is not an option'],
  [
    'an unknown key of a profile that is not used',
    { profiles: { a: { isuer: 'x' } } },
    {},
    'profiles.a.isuer in FILE is not an option',
  ],
  [
    'a value of the wrong type',
    { port: '1' },
    {},
    'port in FILE must be a whole number from 0 to 65535; got "1"',
  ],
  ['a profile of the wrong type', { profiles: { a: 1 } }, {}, 'profiles.a in FILE must be an object; got 1'],
  ['no object', [], {}, '--config FILE must hold a JSON object'],
  ['no JSON', '{', {}, '--config FILE is not JSON'],
  [
    'an unknown profile',
    { profiles: { a: {}, b: {} } },
    { profile: 'c' },
    '--profile must be a profile in FILE, which has a, b; got "c"',
  ],
  [
    'a profile named as a member of objects',
    {},
    { profile: 'constructor' },
    '--profile must be a profile in FILE, which has none; got "constructor"',
  ],
  ['a secret of the wrong type', { clientSecret: 12345 }, {}, /^clientSecret in \S+ must be text$/],
  [
    'a token of the wrong type in a profile',
    { profiles: { a: { token: 12345 } } },
    {},
    /^profiles\.a\.token in \S+ must be text$/,
  ],
] as const)
  test(`rejects ${what}`, () => {
    using folder = new Folder();
    const config = folder.write('login.json', content);
    const error = assert.throws(() => readConfig({ config, ...flags }, {}), isUsage);
    if (typeof sentence === 'string')
      assert.is(
        error.message.slice(0, sentence.length + config.length - 4),
        sentence.replace('FILE', config),
      );
    else assert.match(error.message, sentence);
  });

test('says that a profile needs a file, and names the variable that asks for it', () => {
  using folder = new Folder();
  const env = { XDG_CONFIG_HOME: folder.path, [variableOf(profileSetting)]: 'work' };
  const error = assert.throws(() => readConfig({}, env), isUsage);
  assert.match(
    error.message,
    /^RX_OAUTH_CALLBACK_LOGIN_PROFILE needs a configuration file; \S+login\.json does not exist$/,
  );
});

test('rejects a file with a secret that other users may read, and no other one', () => {
  using folder = new Folder();
  for (const [content, secret] of [
    [{ clientSecret: 's' }, 'clientSecret'],
    [{ profiles: { work: { token: 't' } } }, 'token'],
    [{ clientId: 'c', parameters: ['a=b'] }, undefined],
  ] as const) {
    const config = folder.write('login.json', content);
    chmodSync(config, 0o644);
    if (secret === undefined) readConfig({ config }, {});
    else {
      const error = assert.throws(() => readConfig({ config }, {}), isUsage);
      assert.is(
        error.message,
        `${config} has a ${secret}, and other users can read it; run chmod go-rwx ${config}`,
      );
    }
    chmodSync(config, 0o600);
    readConfig({ config }, {});
  }
});

test('names each contradiction as its source has it', () => {
  using folder = new Folder();
  const of = (content: object): string =>
    folder.write('login.json', { issuer: 'https://as.example', ...content });
  for (const [content, env, sentence] of [
    [{ clientSecret: 's' }, {}, /^clientSecret in \S+ requires the --client-id/],
    [
      {},
      { RX_OAUTH_CALLBACK_CLIENT_SECRET: 's' },
      /^RX_OAUTH_CALLBACK_CLIENT_SECRET requires the --client-id/,
    ],
    [{ clientAuth: 'post' }, {}, /^clientAuth in \S+ requires a secret in RX_OAUTH_CALLBACK_CLIENT_SECRET$/],
    [{ host: '192.0.2.1' }, {}, /^host in \S+ must be 127\.0\.0\.1, ::1 or localhost/],
    [{}, { RX_OAUTH_CALLBACK_LOGIN_HOST: '192.0.2.1' }, /^RX_OAUTH_CALLBACK_LOGIN_HOST must be 127\.0\.0\.1/],
    [{ parameters: ['prompt'] }, {}, /^parameters in \S+ must be name=value/],
    [{ via: 'wss://x.example' }, {}, /^--via requires a token/],
  ] as const) {
    const error = assert.throws(() => readLogin({ config: of(content) }, env), isUsage);
    assert.match(error.message, sentence);
  }
});

test('the place of the tokens is the argument, or that of the configuration', () => {
  const of = (file: string | undefined, flags: object, env: Record<string, string> = {}): string =>
    requirePlace(file, readConfig({ ...flags }, { XDG_CONFIG_HOME: '/nonexistent', ...env }));
  const ofVariable = { RX_OAUTH_CALLBACK_LOGIN_SAVE: 'variable.json' };
  assert.is(of('a.json', {}, ofVariable), 'a.json');
  assert.is(of(undefined, {}, ofVariable), 'variable.json');
  assert.is(of(undefined, { save: ['b.json'] }, ofVariable), 'b.json');
  assert.match(assert.throws(() => of('a.json', { save: ['b.json'] }), isUsage).message, 'pass one of them');
  assert.match(
    assert.throws(() => of(undefined, {}), isUsage).message,
    'a file is missing; name it, or set save',
  );
  assert.match(assert.throws(() => of('', {}), isUsage).message, '<file> must name a file');
});

test.run();
