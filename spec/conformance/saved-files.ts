import { execFileSync, spawnSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import promises, { open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { firstValueFrom } from 'rxjs';
import type { FileLock } from '../../src/base/file-lock.ts';
import type { Io } from '../../src/cli/io.ts';
import { readLogin, type LoginSettings } from '../../src/cli/login/settings.ts';
import { TokenError, Tokens } from '../../src/login.ts';
import * as assert from '../helpers/assert.ts';
import { holdIntervals, holdTimers, type HeldTimers } from '../helpers/clock.ts';
import { json, startIssuer } from '../helpers/issuer.ts';
import { startProgram } from '../helpers/program.ts';
import { edit } from '../helpers/weakened.ts';
import { check, exportsOf, requirement, requirementsOn, twin } from './requirement.ts';

const locking = exportsOf<typeof import('../../src/base/file-lock.ts')>('base/file-lock.ts');

const reading = exportsOf<typeof import('../../src/base/private-file.ts')>('base/private-file.ts');

const signingIn = exportsOf<typeof import('../../src/cli/login/run.ts')>('cli/login/run.ts');

const printing = exportsOf<typeof import('../../src/cli/token/run.ts')>('cli/token/run.ts');

const signingOut = exportsOf<typeof import('../../src/cli/logout/run.ts')>('cli/logout/run.ts');

const refreshing = exportsOf<typeof import('../../src/login/refresh.ts')>('login/refresh.ts');

const revoking = exportsOf<typeof import('../../src/login/revoke.ts')>('login/revoke.ts');

const selecting = exportsOf<typeof import('../../src/cli/token/credential.ts')>('cli/token/credential.ts');

const reusing = exportsOf<typeof import('../../src/cli/login/saved.ts')>('cli/login/saved.ts');

/** The flags of a `login`, as commander gives them. */
const flags = {
  issuer: 'https://as.example',
  port: '0',
  host: '127.0.0.1',
  callbackPath: '/callback',
  timeout: '600',
  save: 'tokens.json',
};

/** A folder that goes again. */
async function within(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'command-'));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type LockFile = (typeof import('../../src/base/file-lock.ts'))['lockFile'];

/** A wait for a lock. */
interface Asked {
  /** Set if another holder had it. */
  readonly waits: boolean;
  readonly lock: Promise<FileLock>;
}

/** Asks for a lock and resolves with the first news: it waits, or it has the lock. */
async function ask(lockFile: LockFile, file: string): Promise<Asked> {
  const waiting = new EventEmitter();
  const waits = once(waiting, 'wait').then(() => true);
  const lock = lockFile(file, { onWait: () => void waiting.emit('wait') });
  // A twin may fail the check before anybody awaits it.
  lock.catch(() => undefined);
  return { waits: await Promise.race([waits, lock.then(() => false)]), lock };
}

/** Lets a wait for a lock look so often, calling `each` before each look. Tells if it then has the lock. */
async function look(
  timers: HeldTimers,
  lock: Promise<FileLock>,
  times: number,
  each: () => void = () => undefined,
): Promise<boolean> {
  const had = lock.then(
    () => true,
    () => true,
  );
  const turn = (): Promise<boolean> => Promise.race([had, new Promise(setImmediate).then(() => false)]);
  for (let looks = 0; looks < times; looks++) {
    each();
    do if (await turn()) return true;
    while (timers.pending === 0);
    timers.advance(100);
  }
  return turn();
}

export const requirements = requirementsOn(
  'Files that hold tokens',
  requirement(
    'P-01',
    {
      demand: 'Save tokens in a file that only its owner can read.',
      source: 'SECURITY.md',
    },
    check(
      locking,
      'saved tokens are their owner’s only, whatever the file was before',
      ({ lockFile }) =>
        within(async (folder) => {
          const save = async (file: string, text: string): Promise<void> => {
            const lock = await lockFile(file);
            await lock.replace(text);
            await lock.release();
          };
          const file = join(folder, 'tokens.json');
          writeFileSync(file, 'what was there before', { mode: 0o644 });
          await using readMeanwhile = await open(file);
          await save(file, 'tokens');
          assert.is(readFileSync(file, 'utf8'), 'tokens');
          assert.is((statSync(file).mode & 0o777).toString(8), '600', 'the mode of the file');
          assert.is(
            await readMeanwhile.readFile('utf8'),
            'what was there before',
            'to who reads it meanwhile',
          );
          // A link of another user must not choose where the tokens go.
          const link = join(folder, 'link.json');
          symlinkSync(file, link);
          await save(link, 'other tokens');
          assert.is(readFileSync(file, 'utf8'), 'tokens', 'where a link led to');
          assert.is(readFileSync(link, 'utf8'), 'other tokens');
          assert.not.ok(lstatSync(link).isSymbolicLink());
          assert.equal(readdirSync(folder).sort(), ['link.json', 'tokens.json'], 'no draft is left');
        }),
      [
        twin(
          'saves tokens for everybody to read',
          edit(`'wx', 0o600`, `'wx', 0o644`),
          /the mode of the file[^]*644/,
        ),
        twin(
          'writes into the file that is there, with the mode it has',
          edit(
            `await rename(draft, file);`,
            `const old = await open(file, 'w'); await old.writeFile(text); await old.close(); await rm(draft);`,
          ),
          /the mode of the file[^]*644/,
        ),
        twin(
          'saves tokens where a link leads',
          edit(
            `await rename(draft, file);`,
            `await rename(draft, await (await import('node:fs/promises')).realpath(file).catch(() => file));`,
          ),
          /where a link led to/,
        ),
        twin(
          'writes over what somebody reads',
          edit(
            `await rename(draft, file);`,
            `const old = await open(file, 'w'); await old.chmod(0o600); await old.writeFile(text); await old.close(); await rm(draft);`,
          ),
          /to who reads it meanwhile/,
        ),
      ],
    ),
  ),

  requirement(
    'P-20',
    {
      demand: 'Let one holder at a time change a file of tokens, in one process and among several.',
      source: 'RFC 9700 section 4.14; docs/guides/tokens.md',
    },
    check(
      locking,
      'a file that is locked twice is had by one after the other, and nothing is left beside it',
      ({ lockFile }) =>
        within(async (folder) => {
          const file = join(folder, 'tokens.json');
          const first = await lockFile(file);
          const { waits, lock } = await ask(lockFile, file);
          assert.ok(waits, 'two have it at once');
          await first.replace('of the first');
          await first.release();
          const second = await lock;
          assert.is(readFileSync(file, 'utf8'), 'of the first');
          await second.release();
          await second.release();
          assert.equal(readdirSync(folder), ['tokens.json']);
          const counts = Array.from({ length: 10 }, async () => {
            const one = await lockFile(file);
            const count = Number(readFileSync(file, 'utf8')) || 0;
            await one.replace(String(count + 1));
            await one.release();
          });
          await Promise.all(counts);
          assert.is(readFileSync(file, 'utf8'), '10');
          assert.equal(readdirSync(folder), ['tokens.json']);
        }),
      [
        twin(
          'takes what another one has',
          edit(`isDead(holder.id) || silentLooks >= maxSilentLooks`, `true`),
          /two have it at once/,
        ),
        twin(
          'does not tell its own process from one that has ended',
          edit(`return !process.kill(Number(pid), 0);`, `return true;`),
          /two have it at once/,
        ),
      ],
    ),
    check(
      locking,
      'a lock ends with its process',
      ({ lockFile }) =>
        within(async (folder) => {
          const file = join(folder, 'tokens.json');
          {
            // It is killed at the end of this block.
            await using holder = await startProgram('lock-holder.ts', file);
            assert.is(holder.line, 'locked');
          }
          assert.ok(readdirSync(folder).includes('tokens.json.lock'));
          const { waits, lock } = await ask(lockFile, file);
          assert.not.ok(waits, 'waits for a process that was killed');
          const own = await lock;
          await own.replace('after it');
          await own.release();
          assert.equal(readdirSync(folder), ['tokens.json']);
        }),
      [
        twin(
          'waits for whoever has been there',
          edit(`isDead(holder.id) || silentLooks`, `silentLooks`),
          /waits for a process that was killed/,
        ),
      ],
    ),
    check(
      locking,
      'files that a desktop puts into the folder of a lock hold nobody up',
      ({ lockFile }) =>
        within(async (folder) => {
          const file = join(folder, 'tokens.json');
          const put = (): void => {
            for (const name of ['.DS_Store', '._draft', 'desktop.ini', 'Thumbs.db'])
              writeFileSync(join(`${file}.lock`, name), '');
          };
          const first = await lockFile(file);
          put();
          const { waits, lock } = await ask(lockFile, file);
          assert.ok(waits, 'two have it at once');
          await first.replace('of the first');
          await first.release();
          const second = await lock;
          put();
          await second.release();
          assert.equal(readdirSync(folder), ['tokens.json'], 'what is left');
          // Left by a desktop that was faster than the end of a lock.
          mkdirSync(`${file}.lock`);
          put();
          const third = await lockFile(file).catch((error: unknown) => error as Error);
          assert.not.instance(third, Error, 'the next one');
          await (third as FileLock).release();
          assert.equal(readdirSync(folder), ['tokens.json']);
        }),
      [
        twin(
          'finds no holder beside such files',
          edit(
            `names.find((name) => idPattern.test(name))`,
            `names.some(isStray) ? undefined : names.find((name) => idPattern.test(name))`,
          ),
          /is not a lock of yours/,
        ),
        twin(
          'leaves such files when it ends',
          edit(`await removeStrays(this.#lock).catch(() => undefined);`, ``),
          /what is left/,
        ),
        twin(
          'knows no such files',
          edit(`if (!names.every(isStray)) throw`, `if (names.length > 0) throw`),
          /the next one/,
        ),
      ],
    ),
    check(
      locking,
      'a holder that was suspended does not write once it was taken over, and does not end what the next one has',
      ({ lockFile, LockLostError }) =>
        within(async (folder) => {
          using intervals = holdIntervals();
          using timers = holdTimers();
          const file = join(folder, 'tokens.json');
          writeFileSync(file, 'before', { mode: 0o600 });
          const first = await lockFile(file);
          const { lock } = await ask(lockFile, file);
          const beat = (): void => intervals.tick(1_000);
          assert.not.ok(await look(timers, lock, 150, beat), 'one that lives is taken over');
          // Signs of life that were written late on a slow disk count too, so it may take longer.
          assert.ok(await look(timers, lock, 2_000), 'one that shows no life is not taken over');
          const second = await lock;
          beat();
          const late = await first.replace('late').catch((error: unknown) => error);
          assert.is(readFileSync(file, 'utf8'), 'before', 'what was written late');
          assert.instance(late, LockLostError);
          const removal = await first.remove().catch((error: unknown) => error);
          assert.is(existsSync(file), true, 'what was deleted late');
          assert.instance(removal, LockLostError);
          await second.replace('of the second');
          await first.release();
          const { waits, lock: third } = await ask(lockFile, file);
          assert.ok(waits, 'the second has lost it');
          await second.replace('of the second again');
          await second.release();
          await look(timers, third, 2);
          await (await third).release();
          assert.is(readFileSync(file, 'utf8'), 'of the second again');
          assert.equal(readdirSync(folder), ['tokens.json']);
        }),
      [
        twin(
          'writes whatever has happened meanwhile',
          edit(`const draft = join(this.#lock, this.#id, 'draft');`, `const draft = file + '.draft';`),
          /what was written late/,
        ),
        twin(
          'deletes whatever has happened meanwhile',
          edit(
            `const removed = join(this.#lock, this.#id, 'removed');`,
            `const removed = this.#file + '.removed';`,
          ),
          /what was deleted late/,
        ),
        twin(
          'waits for ever',
          edit(`|| silentLooks >= maxSilentLooks`, ``),
          /one that shows no life is not taken over/,
        ),
        twin(
          'does not look for life',
          edit('sign: `${id} ${beat}`', 'sign: id'),
          /one that lives is taken over/,
        ),
        twin(
          'ends whatever is there',
          edit(
            `await vacate(this.#lock, this.#id, this.#aside);`,
            `await rm(this.#lock, { recursive: true, force: true });`,
          ),
          /the second has lost it/,
        ),
      ],
    ),
    check(
      locking,
      'a lock that is none of ours is not touched',
      ({ lockFile }) =>
        within(async (folder) => {
          const file = join(folder, 'tokens.json');
          const elsewhere = join(folder, 'elsewhere');
          const own = await lockFile(file);
          cpSync(`${file}.lock`, elsewhere, { recursive: true });
          await own.release();
          const [id = ''] = readdirSync(elsewhere);
          const ended = id.replace(`-${process.pid}-`, `-${spawnSync('true').pid}-`);
          renameSync(join(elsewhere, id), join(elsewhere, ended));
          const before = [ended];
          for (const [what, put] of [
            ['a link', () => symlinkSync(elsewhere, `${file}.lock`)],
            ['a file', () => writeFileSync(`${file}.lock`, '')],
            ['a folder of something else', () => mkdirSync(`${file}.lock/notes`, { recursive: true })],
          ] as const) {
            put();
            const outcome = await lockFile(file).then(
              () => 'locked',
              (error: unknown) => (error as Error).message,
            );
            assert.equal(readdirSync(elsewhere), before, `moved by ${what}`);
            assert.match(outcome, 'is not a lock of yours', what);
            rmSync(`${file}.lock`, { recursive: true });
          }
        }),
      [
        twin(
          'follows a link',
          edit(
            `found.isDirectory() && isOwn ? await readdir(lock) : ['']`,
            `isOwn ? await readdir(lock).catch(() => ['']) : ['']`,
          ),
          /moved by a link/,
        ),
      ],
    ),
  ),

  requirement(
    'P-21',
    {
      demand: 'Trust a file of tokens only if no other user can have written it.',
      source: 'SECURITY.md',
      provenIn: ['cli/login-save.spec.ts'],
    },
    check(
      reading,
      'a file that another user may have written or may replace is refused, and each other thing that is no file',
      ({ readPrivateFile }) =>
        within(async (folder) => {
          const file = join(folder, 'tokens.json');
          const outcome = async (path = file): Promise<string> => {
            try {
              return (await readPrivateFile(path)) ?? 'missing';
            } catch (error) {
              return (error as Error).message.slice(path.length + 1);
            }
          };
          assert.is(await outcome(), 'missing');
          writeFileSync(file, 'content');
          for (const mode of [0o600, 0o644, 0o400]) {
            chmodSync(file, mode);
            assert.is(await outcome(), 'content', mode.toString(8));
          }
          for (const mode of [0o666, 0o620, 0o602, 0o664]) {
            chmodSync(file, mode);
            assert.match(await outcome(), /^can be written by other users/, `a file of ${mode.toString(8)}`);
          }
          chmodSync(file, 0o600);
          for (const mode of [0o777, 0o703]) {
            chmodSync(folder, mode);
            for (const path of [file, join(folder, 'none.json')])
              assert.match(await outcome(path), /^is in a folder where other/, `in ${mode.toString(8)}`);
          }
          for (const mode of [0o1777, 0o755]) {
            chmodSync(folder, mode);
            assert.is(await outcome(), 'content', `in ${mode.toString(8)}`);
          }
          const { geteuid } = process;
          try {
            process.geteuid = () => 12_345;
            assert.match(await outcome(), /^belongs to another user/, 'a file of another user');
            if (statSync(folder).uid !== 0)
              assert.match(await outcome(join(folder, 'none.json')), /^is in a folder of another user/);
          } finally {
            process.geteuid = geteuid!;
          }
          symlinkSync(file, join(folder, 'link'));
          symlinkSync(join(folder, 'nowhere'), join(folder, 'dangling'));
          for (const name of ['link', 'dangling'])
            assert.match(await outcome(join(folder, name)), /^is a symbolic link/, name);
          execFileSync('mkfifo', ['-m', '600', join(folder, 'pipe')]);
          assert.is(await outcome(join(folder, 'pipe')), 'is no regular file');
          assert.is(await outcome('/dev/null'), 'is no regular file');
          assert.is(await outcome(dirname(file)), 'is a folder');
        }),
      [
        twin(
          'believes what others may write',
          edit(`if (found.mode & othersMayWrite)`, `if (found.mode & 0o002)`),
          /a file of 620/,
        ),
        twin(
          'believes what another user owns',
          edit(`if (found.uid !== user)`, `if (found.uid < 0)`),
          /a file of another user/,
        ),
        twin(
          'believes what lies where all may write',
          edit(`if (mode & sticky) return;`, `return;`),
          /in 777/,
        ),
        twin('follows links', edit(`await lstat(file)`, `await stat(file)`), /link/),
      ],
    ),
  ),

  requirement(
    'P-22',
    {
      demand: 'Use saved tokens until a minute before they expire, and only for what they were issued for.',
      source: 'docs/guides/tokens.md',
      provenIn: ['cli/login-refresh.spec.ts'],
    },
    check(
      reusing,
      'saved tokens are used only until a minute before they expire, for the same issuer, client, scope and resources',
      ({ savedTokens, isReusable }) => {
        const { now } = Date;
        const at = 1_800_000_000_000;
        const settings = readLogin(
          {
            ...flags,
            clientId: 'c',
            scopes: ['a b'],
            resources: ['https://one.example', 'https://two.example'],
          },
          {},
        );
        const fields = {
          issuer: flags.issuer,
          client_id: 'c',
          access_token: 'a',
          token_type: 'bearer',
          scope: 'b a',
          resource: ['https://two.example', 'https://one.example'],
          expires_at: at / 1_000 + 61,
        };
        const isUsed = (change: object, changed: Partial<LoginSettings> = {}): boolean => {
          const asked = { ...settings, ...changed };
          const tokens = savedTokens(asked, JSON.stringify({ ...fields, ...change }));
          return tokens !== undefined && isReusable(tokens, asked);
        };
        try {
          Date.now = () => at;
          assert.ok(isUsed({}));
          for (const [what, change, changed] of [
            ['tokens that expire in a minute', { expires_at: at / 1_000 + 60 }],
            ['tokens that have expired', { expires_at: at / 1_000 - 60 }],
            ['tokens of unknown expiry', { expires_at: undefined }],
            ['tokens of another issuer', { issuer: 'https://other.example' }],
            ['tokens of another client', { client_id: 'd' }],
            ['tokens for another scope', { scope: 'a' }],
            ['tokens for one resource of two', { resource: 'https://one.example' }],
            ['tokens for no resource', { resource: undefined }],
            ['tokens though new ones are wanted', {}, { refresh: true }],
          ] as const)
            assert.not.ok(isUsed(change, changed), `uses ${what}`);
        } finally {
          Date.now = now;
        }
      },
      [
        twin(
          'uses them up to the end',
          edit(`expiresAt - marginMs > Date.now()`, `expiresAt > Date.now()`),
          /uses tokens that expire in a minute/,
        ),
        twin(
          'takes an unknown expiry for none',
          edit(`{ expiresAt = 0 } = tokens;`, `{ expiresAt = Infinity } = tokens;`),
          /uses tokens of unknown expiry/,
        ),
        twin(
          'uses them for any resource',
          edit(` &&\n    isDeepStrictEqual(sorted(tokens.resource), sorted(resource))`, ``),
          /uses tokens for one resource of two/,
        ),
      ],
    ),
    check(
      selecting,
      'the command token prints a saved token until a minute before it expires, or to its end if it cannot be refreshed',
      ({ credentialOf, isFresh }) => {
        const { now } = Date;
        const at = 1_800_000_000_000;
        const isPrinted = (left: number | undefined, refresh_token?: string): boolean => {
          const expires = left === undefined ? {} : { expires_at: at / 1_000 + left };
          const fields = { issuer: flags.issuer, client_id: 'c', access_token: 'a', token_type: 'bearer' };
          const record = { ...fields, ...expires, ...(refresh_token !== undefined && { refresh_token }) };
          return isFresh(credentialOf(Tokens.fromDict(record), 'tokens.json'));
        };
        try {
          Date.now = () => at;
          assert.ok(isPrinted(61, 'r'));
          assert.not.ok(isPrinted(60, 'r'), 'prints one that expires in a minute');
          assert.not.ok(isPrinted(undefined, 'r'), 'prints one of unknown expiry');
          assert.ok(isPrinted(1), 'prints none in its last minute');
          assert.not.ok(isPrinted(0), 'prints one that has expired');
        } finally {
          Date.now = now;
        }
      },
      [
        twin(
          'prints it up to the end',
          edit(`expiresAt > Date.now() + marginMs`, `expiresAt > Date.now()`),
          /prints one that expires in a minute/,
        ),
        twin(
          'prints a token of unknown expiry as if it had none',
          edit(
            `return expiresAt !== undefined && expiresAt > Date.now() + marginMs`,
            `return !(expiresAt! <= Date.now() + marginMs)`,
          ),
          /prints one of unknown expiry/,
        ),
        twin(
          'prints what has expired if there is no refresh token',
          edit(
            `(tokens.refresh_token === undefined) return expiresAt === undefined || expiresAt > Date.now();`,
            `(tokens.refresh_token === undefined) return true;`,
          ),
          /prints one that has expired/,
        ),
      ],
    ),
  ),

  requirement(
    'P-27',
    {
      demand: 'Refresh a file of tokens once, however many commands ask for a token of it at once.',
      source: 'docs/guides/tokens.md',
      provenIn: ['cli/token.spec.ts'],
    },
    check(
      printing,
      'a command that waited for the file prints what another one has saved meanwhile',
      ({ token }) =>
        within(async (folder) => {
          const used: (string | null)[] = [];
          await using as = await startIssuer({
            token: (form, response) => {
              const count = used.push(form.get('refresh_token'));
              json(response, 200, {
                access_token: `a${count}`,
                token_type: 'bearer',
                refresh_token: `r${count}`,
              });
            },
          });
          const file = join(folder, 'tokens.json');
          const fields = { issuer: as.issuer, client_id: 'c', access_token: 'a0', token_type: 'bearer' };
          writeFileSync(file, JSON.stringify({ ...fields, refresh_token: 'r0' }), { mode: 0o600 });
          const printed = await Promise.all(
            [1, 2, 3].map(async () => {
              const stdout = new PassThrough();
              const io = {
                stdout,
                stderr: new PassThrough().resume(),
                env: {},
                onSignal: () => () => undefined,
              };
              await token(file, { format: 'token', timeout: '60' }, io as Partial<Io> as Io);
              return String(stdout.read());
            }),
          );
          assert.equal(used, ['r0'], 'refresh tokens that were used');
          assert.equal(printed, ['a1\n', 'a1\n', 'a1\n']);
          assert.match(readFileSync(file, 'utf8'), '"r1"');
        }),
      [
        twin(
          'refreshes again what was refreshed a moment ago',
          edit(`const isNew = latest.token !== saved.token && isValid(latest);`, `const isNew = false;`),
          /refresh tokens that were used/,
        ),
      ],
    ),
  ),

  requirement(
    'P-28',
    {
      demand: 'Forget tokens once the server has revoked them, or if the user insists.',
      source: 'RFC 7009; docs/guides/tokens.md',
      provenIn: ['cli/logout.spec.ts'],
    },
    check(
      signingOut,
      'a file is kept as long as its tokens are not revoked, unless it is to be forgotten all the same',
      ({ logout }) =>
        within(async (folder) => {
          await using as = await startIssuer();
          const file = join(folder, 'tokens.json');
          const fields = { issuer: as.issuer, client_id: 'c', access_token: 'a', token_type: 'bearer' };
          writeFileSync(file, JSON.stringify(fields), { mode: 0o600 });
          const output = new PassThrough().resume();
          const io = { stdout: output, stderr: output, env: {}, onSignal: () => () => undefined };
          const signOut = (more: object = {}): Promise<void> =>
            logout(file, { timeout: '60', ...more }, io as Partial<Io> as Io);
          const error = await signOut().catch((thrown: unknown) => thrown as Error);
          assert.ok(existsSync(file), 'tokens that are valid were forgotten');
          assert.match(String(error), 'has no revocation_endpoint');
          await signOut({ forget: true });
          assert.not.ok(existsSync(file), 'the user insisted in vain');
        }),
      [
        twin(
          'forgets tokens that stay valid',
          edit(`if (forget) return error;`, `return error;`),
          /tokens that are valid were forgotten/,
        ),
        twin('lets nobody insist', edit(`if (forget) return error;`, ``), /the file is kept/),
      ],
    ),
    check(
      revoking,
      'the refresh token is revoked first, and an access token that cannot be revoked is not said to be',
      async ({ revoke }) => {
        const sent: (string | null)[] = [];
        await using as = await startIssuer({
          revoke: (form, response) => {
            sent.push(form.get('token'));
            if (form.get('token') === 'r') response.end();
            else json(response, 400, { error: 'unsupported_token_type' });
          },
        });
        const fields = { issuer: as.issuer, client_id: 'c', access_token: 'a', token_type: 'bearer' };
        const revoked = await firstValueFrom(revoke(Tokens.fromDict({ ...fields, refresh_token: 'r' })));
        assert.equal(sent, ['r', 'a'], 'the order');
        assert.equal(revoked, ['refresh_token'], 'what is said to be revoked');
      },
      [
        twin(
          'begins with the access token',
          edit(`for (const [name, value] of values) {`, `for (const [name, value] of values.toReversed()) {`),
          /the order/,
        ),
        twin(
          'takes every answer for success',
          edit(`refusal === undefined || isOfUnknownToken(refusal)`, `refusal?.error !== ''`),
          /what is said to be revoked/,
        ),
      ],
    ),
    check(
      revoking,
      'a client authenticates as the server asks for at its revocation endpoint',
      async ({ revoke }) => {
        await using as = await startIssuer({
          metadata: { revocation_endpoint_auth_methods_supported: ['client_secret_post'] },
          revoke: (_form, response) => void response.end(),
        });
        const fields = { issuer: as.issuer, client_id: 'c', access_token: 'a', token_type: 'bearer' };
        await firstValueFrom(revoke(Tokens.fromDict(fields), { clientSecret: 's' }));
        const { body, headers } = as.requests.at(-1)!;
        assert.is(headers.authorization, undefined, 'a header that the server does not read');
        assert.is(new URLSearchParams(body).get('client_secret'), 's');
      },
      [
        twin(
          'authenticates as at the token endpoint',
          edit(`clientId }, ofRevocation(metadata));`, `clientId }, metadata);`),
          /a header that the server does not read/,
        ),
      ],
    ),
  ),

  requirement(
    'P-24',
    {
      demand: 'Use no refresh token unless the file that it is in can be replaced.',
      source: 'docs/guides/tokens.md',
      provenIn: ['cli/login-save.spec.ts'],
    },
    check(
      signingIn,
      'a file that cannot be replaced, as one that is mounted by itself, is found out before any request',
      ({ login }) =>
        within(async (folder) => {
          await using as = await startIssuer({
            token: (_form, response) => json(response, 200, { access_token: 'new', token_type: 'bearer' }),
          });
          const file = join(folder, 'tokens.json');
          const fields = { issuer: as.issuer, client_id: 'c', access_token: 'old', token_type: 'bearer' };
          const text = JSON.stringify({ ...fields, refresh_token: 'r' });
          writeFileSync(file, text, { mode: 0o600 });
          const output = new PassThrough().resume();
          const io = { stdout: output, stderr: output, env: {}, onSignal: () => () => undefined };
          const { rename } = promises;
          const busy: typeof rename = (from, to) =>
            to === file ? Promise.reject(Object.assign(new Error(), { code: 'EBUSY' })) : rename(from, to);
          try {
            promises.rename = busy;
            syncBuiltinESMExports();
            const error = await assert.rejects(
              login({ ...flags, issuer: as.issuer, save: file }, io as Partial<Io> as Io),
            );
            assert.equal(as.requests, [], 'what was requested before');
            assert.match(error.message, 'mount its folder instead');
          } finally {
            promises.rename = rename;
            syncBuiltinESMExports();
          }
          assert.is(readFileSync(file, 'utf8'), text);
        }),
      [
        twin(
          'believes that it can save',
          edit(`await file?.requireReplaceable();`, ``),
          /what was requested before/,
        ),
      ],
    ),
  ),

  requirement(
    'P-30',
    {
      demand: 'Lose no token that is valid: neither a saved one, nor one that a server has just issued.',
      source: 'RFC 9700 section 4.14.2; docs/guides/tokens.md',
      provenIn: ['cli/token.spec.ts', 'cli/login-save.spec.ts'],
    },
    check(
      printing,
      'a token that is still valid is printed though its file cannot be locked, and no other one is',
      ({ token }) =>
        within(async (folder) => {
          await using as = await startIssuer();
          const file = join(folder, 'tokens.json');
          const print = async (left: number, more: object = {}): Promise<string> => {
            const expires_at = Math.floor(Date.now() / 1_000) + left;
            const fields = { issuer: as.issuer, client_id: 'c', access_token: 'old', token_type: 'bearer' };
            const saved = { ...fields, refresh_token: 'r', expires_at };
            writeFileSync(file, JSON.stringify(saved), { mode: 0o600 });
            const { io, stdout } = ioOf();
            await token(file, { format: 'token', timeout: '60', ...more }, io);
            return String(stdout.read());
          };
          // A file, so that no lock can be taken.
          writeFileSync(`${file}.lock`, '');
          const ofValid = await print(55).catch((thrown: unknown) => thrown as Error);
          assert.is(String(ofValid), 'old\n', 'of a token that is valid');
          for (const [left, more] of [
            [-1, {}],
            [55, { refresh: true }],
          ] as const) {
            const outcome = await print(left, more).catch((thrown: unknown) => thrown as Error);
            assert.match(String(outcome), 'is not a lock of yours', 'of one that is not, or not wanted');
          }
        }),
      [
        twin(
          'needs the lock in any case',
          edit(
            `} catch (error) {\n    return inPlaceOf(error, saved, request);`,
            `} catch (error) {\n    throw error;`,
          ),
          /of a token that is valid/,
        ),
        twin(
          'prints what has expired',
          edit(`flags.refresh || !isUsable(saved)) throw error;`, `flags.refresh) throw error;`),
          /of one that is not, or not wanted/,
        ),
        twin(
          'prints what is not wanted',
          edit(`isInterrupted || flags.refresh || !isUsable(saved)`, `isInterrupted || !isUsable(saved)`),
          /of one that is not, or not wanted/,
        ),
      ],
    ),
    check(
      printing,
      'a signal is handled until the new tokens are saved',
      ({ token }) =>
        within(async (folder) => {
          await using as = await startIssuer({
            token: (_form, response) => json(response, 200, { access_token: 'new', token_type: 'bearer' }),
          });
          const file = join(folder, 'tokens.json');
          const fields = { issuer: as.issuer, client_id: 'c', access_token: 'old', token_type: 'bearer' };
          writeFileSync(file, JSON.stringify({ ...fields, refresh_token: 'r' }), { mode: 0o600 });
          const { io, handlers } = ioOf();
          const handled: number[] = [];
          const { rename } = promises;
          const watched: typeof rename = (from, to) => {
            if (to === file) handled.push(handlers.size);
            return rename(from, to);
          };
          try {
            promises.rename = watched;
            syncBuiltinESMExports();
            await token(file, { format: 'token', timeout: '60' }, io);
          } finally {
            promises.rename = rename;
            syncBuiltinESMExports();
          }
          // The first one shows that the file can be replaced. It has the old tokens, so it may be interrupted.
          assert.is(handled.length, 2);
          assert.ok(handled[1]! > 0, 'a signal would end the process before the new tokens are saved');
          assert.is(handlers.size, 0);
        }),
      [
        twin(
          'waits for the answer only',
          edit(`saving(opened), finishing(io, stopped)`, `finishing(io, stopped), saving(opened)`),
          /a signal would end the process before/,
        ),
      ],
    ),
    check(
      printing,
      'the refresh token of an answer that is not valid is saved, unless the answer is for another user',
      ({ token }) =>
        within(async (folder) => {
          const idToken = (sub: string): string =>
            `e30.${Buffer.from(JSON.stringify({ iss: 'x', sub })).toString('base64url')}.c2ln`;
          let sub = 'ada';
          await using as = await startIssuer({
            token: (_form, response) =>
              json(response, 200, {
                ...{ access_token: 'new', token_type: 'bearer', refresh_token: `r-of-${sub}` },
                id_token: idToken(sub),
              }),
          });
          const file = join(folder, 'tokens.json');
          const fields = { issuer: as.issuer, client_id: 'c', access_token: 'old', token_type: 'bearer' };
          for (const [who, saved] of [
            ['ada', '"r-of-ada"'],
            ['eve', '"r0"'],
          ] as const) {
            sub = who;
            const text = JSON.stringify({ ...fields, refresh_token: 'r0', id_token: idToken('ada') });
            writeFileSync(file, text, { mode: 0o600 });
            await assert.rejects(token(file, { format: 'token', timeout: '60' }, ioOf().io));
            assert.match(readFileSync(file, 'utf8'), saved, `what is saved of ${who}`);
          }
        }),
      [
        twin(
          'forgets what came',
          edit(`if (error instanceof TokenError && error.kept)`, `if (error === undefined && file)`),
          /what is saved of ada/,
        ),
      ],
    ),
    check(
      refreshing,
      'an answer that is not valid leaves its refresh token to its own user only',
      async ({ refresh }) => {
        const idToken = (sub: string): string =>
          `e30.${Buffer.from(JSON.stringify({ iss: 'x', sub })).toString('base64url')}.c2ln`;
        await using as = await startIssuer({
          token: (_form, response) =>
            json(response, 200, {
              ...{ access_token: 'new', token_type: 'bearer', refresh_token: 'r1' },
              id_token: idToken('eve'),
            }),
        });
        const fields = { issuer: as.issuer, client_id: 'c', access_token: 'old', token_type: 'bearer' };
        const before = Tokens.fromDict({ ...fields, refresh_token: 'r0', id_token: idToken('ada') });
        const error = await firstValueFrom(refresh(before)).catch((thrown: unknown) => thrown as TokenError);
        assert.is(error instanceof TokenError && error.kept, undefined, 'what is kept');
      },
      [
        twin(
          'keeps the refresh token of any user',
          edit(`claims && before.claims && claims.sub !== before.claims.sub ?`, `claims === before.claims ?`),
          /what is kept/,
        ),
      ],
    ),
  ),
);

/** Parts of a process whose signal handlers can be counted. */
function ioOf(): { io: Io; stdout: PassThrough; handlers: Set<() => void> } {
  const stdout = new PassThrough();
  const handlers = new Set<() => void>();
  const onSignal: Io['onSignal'] = (_signal, handler) => {
    const each = (): void => handler();
    handlers.add(each);
    return () => handlers.delete(each);
  };
  const io: Partial<Io> = { stdout, stderr: new PassThrough().resume(), env: {}, onSignal };
  return { io: io as Io, stdout, handlers };
}
