/** The file of a store: who may have it, what may be in it, and what an attacker finds there. */
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import Database from 'libsql';
import {
  sqliteStore,
  StoredFlowError,
  type SealingKey,
  type SqliteStoreOptions,
} from '../../../src/sqlite.ts';
import * as assert from '../../helpers/assert.ts';
import { newKey } from '../../helpers/bridge.ts';
import { Folder } from '../../helpers/cli.ts';
import { CompiledPrograms } from '../../helpers/compiled-programs.ts';
import { complains } from '../../helpers/complains.ts';
import { leaks } from '../../helpers/printers.ts';
import { begun, newFlow } from '../../helpers/redis.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

type Making = typeof sqliteStore;

const test = suite('the file of sqliteStore');

const arrival = { path: '/callback', mode: 'query' } as const;
const fresh = (): ReturnType<typeof newFlow> => newFlow('f', { state: newState(), key: newKey() });
const sealingKey = (id: string): SealingKey => ({ id, key: randomBytes(32) });

/** Rejects with the sentence of an `InvalidOptionError`. */
async function refusal(options: SqliteStoreOptions): Promise<string> {
  return (await assert.rejects(sqliteStore(options), 'invalid_option')).message;
}

test('has one process at a time, and the next one waits for it', async () => {
  using folder = new Folder();
  const file = join(folder.path, 'flows.db');
  await using first = await sqliteStore({ file });
  const flow = fresh();
  await begun(first, flow);
  const refused = await assert.rejects(sqliteStore({ file, timeout: 0 }), 'store_unavailable');
  assert.is(refused.message, `another process has ${file} open`);
  const waiting = sqliteStore({ file, timeout: 10_000 });
  await first.close();
  await using second = await waiting;
  assert.is((await second.read(flow.state))?.key, flow.key);
});

test('is for its owner only, with all that SQLite writes beside it, in a folder for its owner only', async () => {
  using folder = new Folder();
  const inside = join(folder.path, 'new', 'deeper');
  const file = join(inside, 'flows.db');
  const umask = process.umask(0);
  try {
    await using store = await sqliteStore({ file });
    await begun(store, fresh());
    assert.equal(readdirSync(inside).sort(), ['flows.db', 'flows.db-wal']);
    for (const name of ['', 'flows.db', 'flows.db-wal'])
      assert.is(statSync(join(inside, name)).mode & 0o077, 0, name);
  } finally {
    process.umask(umask);
  }
  chmodSync(file, 0o644);
  await (await sqliteStore({ file })).close();
  assert.is(statSync(file).mode & 0o777, 0o600);
  assert.equal(readdirSync(inside), ['flows.db']);
});

test('is refused where others could write or replace it', async () => {
  using folder = new Folder();
  const at = (...path: string[]): string => join(folder.path, ...path);
  writeFileSync(at('real.db'), '');
  symlinkSync(at('real.db'), at('link.db'));
  symlinkSync(at('nowhere.db'), at('dangling.db'));
  writeFileSync(at('open.db'), '');
  chmodSync(at('open.db'), 0o666);
  mkdirSync(at('folder.db'));
  mkdirSync(at('shared'));
  chmodSync(at('shared'), 0o777);
  mkdirSync(at('sticky'));
  chmodSync(at('sticky'), 0o1777);
  execFileSync('mkfifo', ['-m', '600', at('pipe.db')]);
  for (const [file, why] of [
    ['link.db', 'is a symbolic link'],
    ['dangling.db', 'is a symbolic link'],
    ['open.db', 'can be written by other users'],
    ['folder.db', 'is a folder'],
    ['pipe.db', 'is no regular file'],
    ['shared/flows.db', 'is in a folder where other users may replace it'],
    ['sticky/flows.db', 'is in a folder where other users create files'],
  ] as const)
    assert.match(await refusal({ file: at(file) }), `file must be safe: ${at(file)} ${why}`);
  assert.not.ok(existsSync(at('nowhere.db')) || existsSync(at('sticky', 'flows.db')));
});

test('stays as it is if it has other content, or that of a newer version', async () => {
  using folder = new Folder();
  const file = join(folder.path, 'flows.db');
  await (await sqliteStore({ file })).close();
  const newer = new Database(file);
  newer.exec('PRAGMA user_version = 2');
  newer.close();
  const other = new Database(join(folder.path, 'other.db'));
  other.exec('CREATE TABLE flow (id TEXT)');
  other.close();
  folder.write('text.db', 'Not a database, but a text of an author who has no copy of it. '.repeat(20));
  for (const [name, why] of [
    ['flows.db', `file must not be of a newer version of this package; ${file} is`],
    ['other.db', 'file must be a file of this package; '],
    ['text.db', 'file must be a file of this package; '],
  ] as const) {
    const path = join(folder.path, name);
    const before = readFileSync(path);
    assert.match(await refusal({ file: path }), why);
    assert.ok(readFileSync(path).equals(before), `${name} has changed`);
  }
});

test('has a name, and options have their ranges', async () => {
  for (const [options, message] of [
    [{ file: '' }, 'file must be the path of a file'],
    [{ file: 1 }, 'file must be the path of a file'],
    [{}, 'file must be the path of a file'],
    [{ file: 'x.db', timeout: -1 }, 'timeout must be'],
    [{ file: 'x.db', keys: [{ id: 'k', key: 'short' }] }, 'keys must each have 32 bytes'],
    [{ file: 'x.db', key: 1 }, 'key is not an option of sqliteStore'],
  ] as const)
    assert.match(await refusal(options as unknown as SqliteStoreOptions), message);
  assert.not.ok(existsSync('x.db'), 'a file that was created before the options were read');
});

/** Looks for secrets in all that SQLite writes, while the store is open and after it was killed. */
async function showsNothing(make: Making): Promise<void> {
  using folder = new Folder();
  const canaries = ['CANARY-CODE', 'CANARY-TEXT', 'as-of-the-canary', 'label-of-the-canary'];
  for (const keys of [[], [sealingKey('k')]]) {
    const file = join(folder.path, `flows-${keys.length}.db`);
    await using store = await make({ file, keys });
    const issuer = {
      issuers: ['https://as-of-the-canary'],
      advertised: true,
      required: true,
      unadvertised: 'compare',
    } as const;
    const byCode = { ...fresh().expectation, byCode: true } as const;
    const description = { label: 'label-of-the-canary' };
    const flows = [
      { ...fresh(), description },
      { ...fresh(), expectation: byCode },
      { ...fresh(), expectation: { ...fresh().expectation, issuer } },
      fresh(),
    ];
    for (const flow of flows) {
      canaries.push(flow.state, flow.key);
      await begun(store.forTenant!('tenant-of-the-canary'), flow);
      await store.begin(flow, 60_000, { name: 'account-of-the-canary', flows: 10 });
      await store.consume({ code: 'CANARY-CODE', state: flow.state }, arrival);
      const failed = { error: 'access_denied', error_description: 'CANARY-TEXT', state: flow.state };
      await store.consume({ ...failed, iss: 'https://as-of-the-canary' }, arrival);
    }
    await store.acknowledge(flows[3]!.state);
    await store.records!.replace('record-of-the-canary', undefined, 'CANARY-TEXT', 60_000);
    const texts = readdirSync(folder.path).map((name) => readFileSync(join(folder.path, name), 'latin1'));
    assert.ok(texts.some((text) => text.includes('CREATE TABLE flow')));
    canaries.push('tenant-of-the-canary', 'account-of-the-canary', 'record-of-the-canary');
    for (const canary of canaries)
      assert.not.ok(
        texts.some((text) => text.includes(canary)),
        canary,
      );
  }
}

test('L-11 H-01 has no code, state, key, name or error text', () => showsNothing(sqliteStore));

test('rejects a store that seals nothing', async () => {
  const twin = await weakenedModule(
    'sqlite.ts',
    edit(
      `this.#sealer.seal(state, 'response', JSON.stringify(response))`,
      `JSON.stringify(response)`,
      'store/sqlite/store.ts',
    ),
  );
  await complains(() => showsNothing((twin as { sqliteStore: Making }).sqliteStore), /CANARY-CODE/);
});

test('L-11 opens no value that was moved to another flow, tenant or purpose', async () => {
  using folder = new Folder();
  const file = join(folder.path, 'flows.db');
  const store = await sqliteStore({ file });
  const [flow, second] = [fresh(), fresh()];
  const parts = [store, store, store.forTenant!('acme')] as const;
  const states = [flow.state, second.state, flow.state];
  for (const [n, part] of parts.entries()) {
    await begun(part, { ...flow, state: states[n]! });
    await part.consume({ code: `of ${n}`, state: states[n]! }, arrival);
  }
  await store.close();
  const opensAfter = async (change: string): Promise<string[]> => {
    const database = new Database(file);
    database.exec(change);
    database.close();
    await using again = await sqliteStore({ file });
    const settled = await Promise.allSettled(
      states.map((state, n) => (n < 2 ? again : again.forTenant!('acme')).take(state)),
    );
    return settled.map((each) =>
      each.status === 'fulfilled' ? 'opened' : (each.reason as { code: string }).code,
    );
  };
  assert.equal(await opensAfter('SELECT 1'), ['opened', 'opened', 'opened']);
  const next = `UPDATE flow SET response = (SELECT response FROM flow AS o WHERE o.number = flow.number % 3 + 1)`;
  assert.equal(
    await opensAfter(`BEGIN; CREATE TEMP TABLE o AS SELECT * FROM flow;
    ${next.replace('FROM flow AS o', 'FROM o')}; COMMIT`),
    Array(3).fill('stored_flow_unreadable'),
  );
  assert.equal(
    await opensAfter('UPDATE flow SET response = sealed'),
    Array(3).fill('stored_flow_unreadable'),
  );
});

test('L-11 opens what an older key has sealed as long as that is configured', async () => {
  using folder = new Folder();
  const file = join(folder.path, 'flows.db');
  const [old, now] = [sealingKey('old'), sealingKey('now')];
  const flow = fresh();
  await using before = await sqliteStore({ file, keys: [old] });
  await begun(before, flow);
  await before.close();
  await using rotated = await sqliteStore({ file, keys: [now, old] });
  await rotated.consume({ code: 'c', state: flow.state }, arrival);
  await rotated.close();
  await using after = await sqliteStore({ file, keys: [now] });
  assert.is(((await after.take(flow.state)) as { type: string }).type, 'response');
  const error = await assert.rejects(after.read(flow.state), StoredFlowError);
  assert.not.match(String(error.stack), flow.state);
});

test('no printer shows a sealing key or a state of a store', async () => {
  using folder = new Folder();
  const text = 'CANARY-of-a-sealing-key-32-bytes';
  await using store = await sqliteStore({
    file: join(folder.path, 'flows.db'),
    keys: [{ id: 'k', key: Buffer.from(text) }],
  });
  const flow = fresh();
  await begun(store, flow);
  const secrets = { key: text, 'key as bytes': [...Buffer.from(text)].join(', '), state: flow.state };
  assert.equal(leaks(store, secrets), []);
  assert.ok(leaks({ key: text }, secrets).length > 0, 'the check can fail');
});

test('L-14 is reported once if it cannot be written, and goes on once it can', async () => {
  using folder = new Folder();
  using programs = new CompiledPrograms('full-disk.ts');
  const limited = `ulimit -S -f 400; exec "${process.execPath}" "$0" "$1"`;
  const args = ['-c', limited, programs.pathOf('full-disk.ts'), join(folder.path, 'flows.db')];
  const child = spawn('bash', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  try {
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const said = async (): Promise<unknown> => (await assert.deadline(lines.next(), 'what it says')).value;
    const tried = async (): Promise<unknown> => {
      child.stdin.write(`${newState()}\n`);
      return said();
    };
    assert.is(await said(), 'open');
    assert.is(await tried(), 'begun ready 0');
    let last: unknown;
    for (let n = 0; n < 100 && last !== 'store_unavailable store_unavailable 1'; n++) last = await tried();
    assert.is(last, 'store_unavailable store_unavailable 1');
    assert.is(await tried(), 'store_unavailable store_unavailable 1');
    execFileSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited:unlimited']);
    assert.is(await tried(), 'begun ready 1');
    child.stdin.end();
    assert.equal(await assert.deadline(exited, 'its end'), [0, null]);
  } finally {
    child.kill('SIGKILL');
  }
});

test('L-14 is reported if it was removed or replaced', async () => {
  using folder = new Folder();
  const file = join(folder.path, 'flows.db');
  const reported: unknown[] = [];
  await using store = await sqliteStore({ file, report: (error) => reported.push(error) });
  await store.check();
  renameSync(file, `${file}.away`);
  for (let n = 0; n < 2; n++) {
    const error = await assert.rejects(store.check(), 'store_unavailable');
    assert.is(error.message, 'the file of the store was removed or replaced');
  }
  assert.is(reported.length, 1);
  writeFileSync(file, '');
  await assert.rejects(store.check(), 'store_unavailable');
});

test('L-14 answers nothing once it is closed, as often as that is done', async () => {
  using folder = new Folder();
  const store = await sqliteStore({ file: join(folder.path, 'flows.db') });
  const part = store.forTenant!('acme');
  const flow = fresh();
  await begun(store, flow);
  for (let n = 0; n < 2; n++) await store.close();
  for (const step of [
    () => store.begin(fresh(), 60_000),
    () => store.read(flow.state),
    () => store.consume({ code: 'c', state: flow.state }, arrival),
    () => part.cancel(flow.state),
    () => store.records!.read('key'),
    () => store.check(),
  ])
    assert.is((await assert.rejects(step(), 'store_unavailable')).message, 'the store is closed');
});

test.run();
