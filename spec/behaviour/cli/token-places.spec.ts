/** The contract of a place that keeps tokens, which a file and an entry of the keychain both fulfil. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { CommandError } from '../../../src/cli/errors.ts';
import type { Io } from '../../../src/cli/io.ts';
import * as placesOfTokens from '../../../src/cli/login/open-token-file.ts';
import * as printing from '../../../src/cli/token/run.ts';
import * as assert from '../../helpers/assert.ts';
import { run } from '../../helpers/cli.ts';
import { json, startIssuer } from '../../helpers/issuer.ts';
import { Keychain } from '../../helpers/keychain.ts';
import { closeInTheEnd, suite } from '../../helpers/suite.ts';
import { edit, weakenedModule, type Edit } from '../../helpers/weakened.ts';

const test = suite('places of tokens');

/** A place with means to look at it and to change it past its lock. */
interface Site extends AsyncDisposable {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

async function inFile(): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), 'place-'));
  const path = join(folder, 'tokens.json');
  return Promise.resolve({
    path,
    env: {},
    read: () => Promise.resolve(existsSync(path) ? readFileSync(path, 'utf8') : undefined),
    write: (text: string) => writeFile(path, text, { mode: 0o600 }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  });
}

let shared: Promise<Keychain> | undefined;

/** All tests share this session: the library connects to the keychain of the process once. */
async function started(): Promise<Keychain> {
  const keychain = await Keychain.start();
  closeInTheEnd(() => keychain.end());
  process.env['DBUS_SESSION_BUS_ADDRESS'] = keychain.env['DBUS_SESSION_BUS_ADDRESS'];
  return keychain;
}

async function inKeychain(): Promise<Site> {
  const keychain = await (shared ??= started());
  const state = mkdtempSync(join(tmpdir(), 'state-'));
  const { AsyncEntry } = await import('@napi-rs/keyring');
  const entry = new AsyncEntry('rx-oauth-callback', 'work', { linux: { store: 'secret-service' } });
  return {
    path: 'keychain:work',
    env: { ...keychain.env, XDG_STATE_HOME: state },
    read: async () => (await entry.getPassword()) ?? undefined,
    write: (text) => entry.setPassword(text),
    async [Symbol.asyncDispose]() {
      if ((await entry.getPassword()) !== null) await entry.deletePassword();
      rmSync(state, { recursive: true, force: true });
    },
  };
}

const sites = [
  ['a file', inFile],
  ['the keychain', inKeychain],
] as const;

/** Parts of a process whose output can be read. */
function ioOf(env: Io['env'], onError: (text: string) => void = () => undefined): [Io, () => string] {
  let printed = '';
  const stdout = new PassThrough().setEncoding('utf8').on('data', (text: string) => void (printed += text));
  const stderr = new PassThrough().setEncoding('utf8').on('data', onError);
  const io: Partial<Io> = { stdout, stderr, env, onSignal: () => () => undefined };
  return [io as Io, () => printed];
}

function textOf(issuer: string, more: Readonly<Record<string, unknown>> = {}): string {
  const tokens = { issuer, client_id: 'c', access_token: 'CANARY-old', token_type: 'bearer' };
  return JSON.stringify({ ...tokens, refresh_token: 'CANARY-refresh', expires_at: 1, ...more });
}

const inUse = 'readonly #inUse = new Map<string, Promise<unknown>>();';

/** Loads the command anew, as another process has it: one process joins its refreshes of a token without a lock. */
async function instance(...edits: readonly Edit[]): Promise<typeof printing> {
  return (await weakenedModule('cli/token/run.ts', edit(inUse, `${inUse} `), ...edits)) as typeof printing;
}

/** Runs two commands at once over an expired token. Returns the refreshes that were sent, and what was printed. */
async function twoAtOnce(
  commands: readonly [typeof printing, typeof printing],
  site: Site,
): Promise<{ sent: number; printed: readonly string[] }> {
  let sent = 0;
  let goOn = (): void => undefined;
  // Either the other command waits for the lock, or it sends a refresh too.
  const both = new Promise<void>((resolve) => (goOn = resolve));
  await using as = await startIssuer({
    token: (_form, response) => {
      const count = ++sent;
      if (count === 2) goOn();
      void both.then(() =>
        json(response, 200, {
          ...{ access_token: `CANARY-a${count}`, token_type: 'bearer', expires_in: 3_600 },
          refresh_token: `CANARY-r${count}`,
        }),
      );
    },
  });
  await site.write(textOf(as.issuer));
  const one = async ({ token }: typeof printing): Promise<string> => {
    const [io, printed] = ioOf(site.env, (text) => {
      if (text.includes('Another command is using')) goOn();
    });
    await token(site.path, { format: 'token', timeout: '30' }, io);
    return printed();
  };
  const printed = await assert.deadline(Promise.all(commands.map(one)), 'both commands');
  return { sent, printed };
}

for (const [name, open] of sites) {
  test(`${name} sends one refresh for two commands at once, and both print its token`, async () => {
    await using site = await open();
    const { sent, printed } = await twoAtOnce([printing, await instance()], site);
    assert.equal({ sent, printed }, { sent: 1, printed: ['CANARY-a1\n', 'CANARY-a1\n'] });
    assert.match((await site.read()) ?? '', '"refresh_token": "CANARY-r1"');
  });

  test(`${name} is read, replaced and removed under its lock, and names itself in messages`, async () => {
    await using site = await open();
    const [io] = ioOf(site.env);
    const first = await placesOfTokens.openTokenFile(site.path, 30_000, io);
    assert.equal([first.path, first.text], [site.path, undefined]);
    await first.requireReplaceable();
    assert.is(await site.read(), undefined);
    const text = textOf('https://as.example');
    await first.replace(text);
    const late = await assert.rejects(placesOfTokens.openTokenFile(site.path, 1, io), CommandError);
    assert.is(late.message, `--save ${site.path}: another command is still using it`);
    await first.close();
    const second = await placesOfTokens.openTokenFile(site.path, 30_000, io);
    assert.is(second.text, text);
    await second.requireReplaceable();
    await second.remove();
    assert.is(await site.read(), undefined);
    await second.close();
    assert.is(await placesOfTokens.readSaved(site.path, io), undefined);
  });

  for (const [what, content] of [
    ['another program', 'password of another program'],
    ['JSON without an issuer', '{"access_token":"CANARY"}'],
    ['damaged tokens', textOf('https://as.example').slice(0, -1)],
  ] as const)
    test(`${name} with ${what} is refused by each command and never overwritten`, async () => {
      await using site = await open();
      await site.write(content);
      for (const [args, exit] of [
        [['token', site.path], 7],
        [['logout', '--forget', site.path], 1],
        [['login', '--issuer', 'https://as.example', '--client-id', 'c', '--save', site.path], 1],
      ] as const) {
        const { code, stdout, stderr } = await run(args, site.env);
        assert.equal([code, stdout], [exit, ''], stderr);
        assert.match(
          stderr,
          /^rx-oauth-callback: (?:--save )?\S+: contains something other than the tokens of a sign-in; remove it, or choose another (?:file|name)\n$/,
        );
        assert.not.match(stderr, 'CANARY');
        assert.is(await site.read(), content);
      }
    });
}

test('the lock of an entry is in XDG_STATE_HOME, as the command has it', async () => {
  await using site = await inKeychain();
  const { XDG_STATE_HOME: state = '' } = site.env;
  const [io] = ioOf(site.env);
  const place = await placesOfTokens.openTokenFile(site.path, 30_000, io);
  const names = readdirSync(join(state, 'rx-oauth-callback'));
  assert.is(names.length, 1);
  assert.match(names[0] ?? '', /^keychain-[\w-]+\.lock$/);
  assert.is(process.env['XDG_STATE_HOME'] === state, false);
  await place.close();
});

/** A lock that keeps no other holder out. */
const withoutLock: Readonly<Record<string, Edit>> = {
  'a file': edit('await lockFile(path, options)', 'await lockFile(path + Math.random(), options)'),
  'the keychain': edit(
    'lockFile(await lockOf(path, env), options)',
    'lockFile((await lockOf(path, env)) + Math.random(), options)',
  ),
};

for (const [name, open] of sites)
  test(`a twin of ${name} without its lock sends two refreshes`, async () => {
    await using site = await open();
    const twins = [await instance(withoutLock[name]!), await instance(withoutLock[name]!)] as const;
    assert.is((await twoAtOnce(twins, site)).sent, 2);
  });

for (const [name, open] of sites)
  test(`a twin of ${name} that takes any content gives it to the command`, async () => {
    await using site = await open();
    await site.write('password of another program');
    const twin = (await weakenedModule(
      'cli/login/open-token-file.ts',
      edit(`text.trim() === '' || areTokens(text)`, `text.trim() !== '' || areTokens(text)`),
    )) as typeof placesOfTokens;
    const [io] = ioOf(site.env);
    assert.is(await twin.readSaved(site.path, io), 'password of another program');
    const { message } = await assert.rejects(placesOfTokens.readSaved(site.path, io), CommandError);
    assert.match(message, 'contains something other');
  });

test.run();
