import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockFile } from '../../../src/base/file-lock.ts';
import type { SealingKey } from '../../../src/base/sealing-keys.ts';
import { InvalidOptionError } from '../../../src/index.ts';
import { TokenStoreError } from '../../../src/mcp/errors.ts';
import * as real from '../../../src/mcp/file-store.ts';
import type { McpStore } from '../../../src/mcp/store.ts';
import * as assert from '../../helpers/assert.ts';
import { inPlaceStore, unlockedStore } from '../../helpers/careless-stores.ts';
import { holdIntervals, holdTimers } from '../../helpers/clock.ts';
import { complains } from '../../helpers/complains.ts';
import { leaks } from '../../helpers/printers.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule, type Change } from '../../helpers/weakened.ts';
import { storeContract } from './store-contract.ts';

type Module = typeof real;

const { fileStore } = real;

const weakened = (...changes: readonly Change[]): Promise<Module> =>
  weakenedModule('mcp/file-store.ts', ...changes) as Promise<Module>;

/** A folder that goes again. */
async function within(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'file-store-'));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const sealingKey = (id: string): SealingKey => ({ id, key: randomBytes(32) });

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

const canary = 'canary-of-a-token';
const [a, b] = ['server https://a.example', 'server https://b.example'];

/** Entry of a file. */
const entryIn = (file: string, key: string): unknown =>
  (JSON.parse(readFileSync(file, 'utf8')) as { values: Record<string, unknown> }).values[key];

/** Sets the entry of a key as a damaged disk or another program does. */
function spoil(file: string, key: string, entry: unknown): void {
  const content = JSON.parse(readFileSync(file, 'utf8')) as { values: Record<string, unknown> };
  content.values[key] = entry;
  writeFileSync(file, JSON.stringify(content));
}

for (const [name, options] of [
  ['fileStore', {}],
  ['fileStore with keys', { keys: [sealingKey('k')] }],
] as const)
  storeContract(name, (check) =>
    within(async (folder) => {
      const file = join(folder, 'tokens.json');
      await check(fileStore(file, options));
      if (existsSync(file)) assert.equal(readdirSync(folder), ['tokens.json'], 'what is beside the file');
    }),
  );

const test = suite('fileStore');

/** Sees who may read what a store creates, though the process would let everybody. */
const checkModes = ({ fileStore }: Module): Promise<void> =>
  within(async (folder) => {
    const umask = process.umask(0);
    try {
      const file = join(folder, 'new', 'folder', 'tokens.json');
      const store = fileStore(file);
      assert.is(await store.get(a), undefined);
      assert.not.ok(existsSync(join(folder, 'new')), 'reading creates nothing');
      await store.lock?.(a, async () => {
        for (const name of readdirSync(join(folder, 'new', 'folder')))
          assert.is(modeOf(join(folder, 'new', 'folder', name)), '700', 'the mode of the lock');
        await store.set(a, 1);
      });
      assert.is(modeOf(file), '600', 'the mode of the file');
      for (const path of ['new', 'new/folder'])
        assert.is(modeOf(join(folder, path)), '700', 'the mode of the folder');
    } finally {
      process.umask(umask);
    }
  });

test('creates a file and its folders for its owner only', () => checkModes(real));

test('a twin that leaves modes to the umask fails', async () => {
  const folder = edit(`{ recursive: true, mode: 0o700 }`, `{ recursive: true }`, 'mcp/file-store.ts');
  const file = edit(`'wx', 0o600`, `'wx', 0o644`);
  await complains(async () => checkModes(await weakened(folder)), /other users may replace it|the mode of/);
  await complains(async () => checkModes(await weakened(file)), /the mode of the file/);
});

/** Sees what becomes of a file that others may read. */
const checkExposed = ({ fileStore }: Module): Promise<void> =>
  within(async (folder) => {
    const file = join(folder, 'tokens.json');
    const store = fileStore(file);
    await store.set(a, 1);
    chmodSync(file, 0o644);
    assert.is(await store.get(a), 1);
    assert.is(modeOf(file), '600', 'the mode once it was read');
    const foreign = join(folder, 'package.json');
    writeFileSync(foreign, '{"version":"1.0.0"}');
    chmodSync(foreign, 0o644);
    await assert.rejects(() => fileStore(foreign).get(a), TokenStoreError);
    assert.is(modeOf(foreign), '644', 'the mode of a file with other content');
  });

test('takes a file of its own from others who may read it, and no other file', () => checkExposed(real));

test('a twin that leaves an exposed file fails, and one that changes any file', async () => {
  const line = 'if (isExposed) await chmod(this.#path, 0o600).catch(() => undefined);';
  await complains(async () => checkExposed(await weakened(edit(line, ''))), /once it was read/);
  const early = edit(
    `const entries = parseEntries(`,
    `if (isExposed) await chmod(this.#path, 0o600);\n    const entries = parseEntries(`,
  );
  await complains(async () => checkExposed(await weakened(early)), /with other content/);
});

/** Files that are none of a store, and the reason that its error gives. */
const unusable: Readonly<Record<string, [make: (file: string) => void, reason: RegExp]>> = {
  'text that is not JSON': [
    (file) => writeFileSync(file, canary),
    /contains something other than stored tokens/,
  ],
  'JSON of another program': [
    (file) => writeFileSync(file, JSON.stringify({ [a]: canary })),
    /contains something other/,
  ],
  'a list': [(file) => writeFileSync(file, '[1]'), /contains something other/],
  'a list of values': [
    (file) => writeFileSync(file, '{"version":1,"values":["canary"]}'),
    /contains something other/,
  ],
  'a file that was cut': [
    (file) => writeFileSync(file, `{"version":1,"values":{"${a}":{"value":"${canary}`),
    /contains something other/,
  ],
  'a newer format': [
    (file) => writeFileSync(file, JSON.stringify({ version: 2, tokens: canary })),
    /was written by a newer version/,
  ],
  'a file that others may write': [
    (file) => {
      writeFileSync(file, '');
      chmodSync(file, 0o620);
    },
    /can be written by other users/,
  ],
  'a link': [
    (file) => {
      writeFileSync(`${file}.elsewhere`, JSON.stringify({ version: 1, values: {} }));
      symlinkSync(`${file}.elsewhere`, file);
    },
    /is a symbolic link/,
  ],
  'a link to nothing': [(file) => symlinkSync(`${file}.nowhere`, file), /is a symbolic link/],
  'a folder': [(file) => mkdirSync(file), /is a folder/],
  'a folder that others may write': [
    (file) => chmodSync(join(file, '..'), 0o777),
    /is in a folder where other users may replace it/,
  ],
};

/** Everything in a folder, with its content. */
const contentOf = (folder: string): string[] =>
  readdirSync(folder)
    .map((name) => {
      const found = lstatSync(join(folder, name));
      return `${name} ${found.mode} ${found.ino} ${found.isFile() ? readFileSync(join(folder, name), 'utf8') : ''}`;
    })
    .sort();

const checkUnusable = ({ fileStore }: Module, what: string): Promise<void> =>
  within(async (folder) => {
    const file = join(folder, 'tokens.json');
    const [make, reason] = unusable[what]!;
    make(file);
    const before = contentOf(folder);
    const store = fileStore(file);
    for (const [action, work] of [
      ['read', () => store.get(a)],
      ['written', () => store.set(a, 'new')],
      ['written', () => store.delete(a)],
    ] as const) {
      const error = await assert.rejects(work, TokenStoreError);
      assert.is(error.key, a);
      assert.match(error.message, reason);
      assert.match(error.message, `the stored value of "${a}" cannot be ${action}: ${file} `);
      assert.equal(leaks(error, { token: canary }), []);
      assert.not.match(error.message, /\.$|\n/);
    }
    assert.equal(contentOf(folder), before, 'the folder afterwards');
  });

for (const what of Object.keys(unusable))
  test(`neither reads nor changes ${what}`, () => checkUnusable(real, what));

test('neither reads nor changes a file of another user', () =>
  within(async (folder) => {
    const file = join(folder, 'tokens.json');
    const store = fileStore(file);
    await store.set(a, 1);
    const before = contentOf(folder);
    const { geteuid } = process;
    try {
      process.geteuid = () => 12_345;
      for (const work of [() => store.get(a), () => store.set(a, 2)])
        assert.match((await assert.rejects(work, TokenStoreError)).message, /another user/);
    } finally {
      process.geteuid = geteuid!;
    }
    assert.equal(contentOf(folder), before);
  }));

test('a twin that takes what it cannot read for nothing overwrites it', async () => {
  const blind = await weakened(
    edit(
      `return isObject(content) ? content : {};
  } catch {
    // Its message has a part of the text.
    return {};`,
      `return isObject(content) ? content : {};
  } catch {
    return { version, values: {} };`,
    ),
  );
  await complains(() => checkUnusable(blind, 'a file that was cut'), /Expected promise to reject/);
  const bold = await weakened(
    edit(`content.version > version)`, `content.version > 9)`),
    edit(`content.version !== version ||`, ``),
    edit(`!isObject(content.values))`, `false)`),
    edit(`Object.entries(content.values)`, `Object.entries(content)`),
  );
  await complains(() => checkUnusable(bold, 'a newer format'), /Expected promise to reject/);
});

test('takes an empty file, and keeps to a path whatever becomes of the working folder', () =>
  within(async (folder) => {
    const before = process.cwd();
    try {
      process.chdir(folder);
      writeFileSync('tokens.json', '\n', { mode: 0o600 });
      const store = fileStore('tokens.json');
      process.chdir(before);
      assert.is(await store.get(a), undefined);
      await store.set(a, 1);
      assert.equal(entryIn(join(folder, 'tokens.json'), a), { value: 1 });
    } finally {
      process.chdir(before);
    }
  }));

test('rejects a path, an option or a key that is not valid', () => {
  const key = randomBytes(32);
  for (const [make, sentence] of [
    [() => fileStore(''), 'path must name a file; got an empty string'],
    [() => fileStore(7 as never), 'path must name a file; got 7'],
    [() => fileStore('f', { key } as never), 'key is not an option of fileStore'],
    [() => fileStore('f', { keys: key as never }), 'keys must be a list'],
    [() => fileStore('f', { keys: [] }), 'keys must have a key at least'],
    [() => fileStore('f', { keys: [{ id: 'a b', key }] }), 'keys must each have an id'],
    [() => fileStore('f', { keys: [{ id: 7 as never, key }] }), 'keys must each have an id'],
    [
      () =>
        fileStore('f', {
          keys: [
            { id: 'a', key },
            { id: 'a', key },
          ],
        }),
      'keys must each have an id',
    ],
    [() => fileStore('f', { keys: [{ id: 'a', key: key.subarray(1) }] }), '32 bytes; got 31 for a'],
    [() => fileStore('f', { keys: [{ id: 'a', key: 7 as never }] }), '32 bytes; got a number for a'],
  ] as const)
    assert.match(assert.throws(make, InvalidOptionError).message, sentence);
  assert.ok(fileStore('f', { keys: undefined as never }));
});

test('rejects a value that JSON cannot hold, and leaves the one that is there', () =>
  within(async (folder) => {
    const store = fileStore(join(folder, 'tokens.json'));
    await store.set(a, 1);
    await assert.rejects(() => store.set(a, undefined), InvalidOptionError);
    await assert.rejects(() => store.set(a, 1n));
    assert.is(await store.get(a), 1);
  }));

/** Sees what a file with keys shows, and what another can put into it. */
const checkSeals = ({ fileStore }: Module): Promise<void> =>
  within(async (folder) => {
    const file = join(folder, 'tokens.json');
    const [first, second] = [sealingKey('first'), sealingKey('second')];
    const store = fileStore(file, { keys: [first] });
    await store.set(a, canary);
    await store.set(b, 'of b');
    assert.not.match(readFileSync(file, 'utf8'), canary, 'what the file shows');
    const rotated = fileStore(file, { keys: [second, first] });
    assert.is(await rotated.get(a), canary, 'by a key that opens only');
    await rotated.set(a, canary);
    const { sealed } = entryIn(file, a) as { sealed: string };
    assert.match(sealed, /^second\./);
    const tampered = `${sealed.slice(0, -6)}${sealed.at(-6) === 'A' ? 'B' : 'A'}${sealed.slice(-5)}`;
    const none = fileStore(file);
    for (const [what, entry, reader] of [
      ['was sealed with another key', { sealed }, store],
      ['is sealed', { sealed }, none],
      ['was tampered with', { sealed: tampered }, rotated],
      ['was cut', { sealed: sealed.slice(0, 20) }, rotated],
      ['is of another key', entryIn(file, b), rotated],
      ['was not sealed', { value: 'planted' }, rotated],
      ['is damaged', 'damaged', rotated],
      ['is damaged', null, none],
    ] as const) {
      spoil(file, a, entry);
      const got = await assert.rejects(() => reader.get(a), TokenStoreError);
      assert.match(got.message, `the stored value of "${a}" cannot be read: it `, `one that ${what}`);
      assert.equal(leaks(got, { token: canary, sealed }), []);
      await reader.set(b, what);
      assert.is(await reader.get(b), what);
      assert.equal(entryIn(file, a), entry, 'the value that cannot be read');
      await reader.set(a, 'new');
      assert.is(await reader.get(a), 'new');
      await rotated.set(b, 'of b');
    }
  });

test('seals values for their keys, and keeps a value that it cannot read', () => checkSeals(real));

test('twins whose seals are not bound to the key, or not asked for, fail', async () => {
  const unbound = edit(`JSON.stringify(['mcp', key])`, `'mcp'`);
  await complains(async () => checkSeals(await weakened(unbound)), /Expected promise to reject/);
  const trusting = edit(
    `if (typeof sealed !== 'string') throw`,
    `if (typeof sealed !== 'string') return fieldsOf(entry).value;\n      if (sealed === '') throw`,
  );
  await complains(async () => checkSeals(await weakened(trusting)), /Expected promise to reject/);
});

test('shows neither a key nor a value when it is printed', () =>
  within(async (folder) => {
    const text = 'CANARY-of-a-sealing-key-32-bytes';
    const store = fileStore(join(folder, 'tokens.json'), { keys: [{ id: 'k', key: Buffer.from(text) }] });
    const saved = store.set(a, canary);
    assert.equal(leaks(store, { key: text, bytes: [...Buffer.from(text)].join(', '), token: canary }), []);
    await saved;
  }));

/** Lets 20 programs in one process save at once, each with a store of its own. */
const checkProcess = (storeOf: (path: string) => McpStore): Promise<void> =>
  within(async (folder) => {
    const file = join(folder, 'tokens.json');
    const keys = Array.from({ length: 20 }, (_, n) => `server https://${n}.example`);
    await Promise.all(keys.map((key, n) => storeOf(file).set(key, 'x'.repeat(100 * n))));
    const store = storeOf(file);
    const kept = await Promise.all(keys.map(async (key) => (await store.get(key)) !== undefined));
    assert.is(kept.filter(Boolean).length, 20, 'keys that were kept');
  });

test('loses no key of 20 that save at once in one process', () => checkProcess(fileStore));

test('a store that writes in place, and one without a lock, lose keys in one process', async () => {
  await complains(() => checkProcess(inPlaceStore), /keys that were kept|JSON/);
  await complains(() => checkProcess(unlockedStore), /keys that were kept/);
});

/** Lets programs of one process save while no timer runs, so that none of them can wait for another to look. */
const checkQueue = ({ fileStore }: Module, ms?: number): Promise<void> =>
  within(async (folder) => {
    const file = join(folder, 'tokens.json');
    const stores = Array.from({ length: 8 }, () => fileStore(file));
    using timers = holdTimers();
    // Until another one waits, or long enough for others to look meanwhile.
    const work = async (): Promise<void> => {
      for (let turns = 0; turns < 1_000 && timers.pending === 0; turns++) await promises.stat(folder);
    };
    const saves = stores.flatMap((store, n) => [store.set(`a${n}`, n), store.lock?.(a, work)]);
    await assert.deadline(Promise.all(saves), 'all saves', ms);
    assert.is(timers.pending, 0);
  });

test('lets nobody in one process wait for a look at a lock', () => checkQueue(real));

test('twins without a queue for saves, or for locks, wait', async () => {
  for (const change of [
    edit(`savesOf(this.#path, () =>`, `savesOf(String(Math.random()), () =>`),
    edit(`return worksOf(place, async`, `return worksOf(String(Math.random()), async`),
  ]) {
    const twin = await weakened(change);
    await complains(() => checkQueue(twin, 2_000), /all saves: not settled/);
  }
});

/** Counts how often the file is replaced for 20 values that are set at once. */
async function replacements({ fileStore }: Module): Promise<number> {
  const { rename } = promises;
  let count = 0;
  await within(async (folder) => {
    const file = join(folder, 'tokens.json');
    const counting: typeof rename = (from, to) => {
      if (to === file) count++;
      return rename(from, to);
    };
    try {
      promises.rename = counting;
      syncBuiltinESMExports();
      const store = fileStore(file);
      await Promise.all(Array.from({ length: 20 }, (_, n) => store.set(`server ${n}`, n)));
    } finally {
      promises.rename = rename;
      syncBuiltinESMExports();
    }
  });
  return count;
}

test('replaces the file once for all values that wait', async () => {
  assert.is(await replacements(real), 1);
  const twin = await weakened(edit(`this.#saved ??= savesOf`, `this.#saved = savesOf`));
  assert.is(await replacements(twin), 20, 'of a twin that saves each by itself');
});

const writer = join(import.meta.dirname, '..', '..', 'fixtures', 'programs', 'store-writer.ts');

/** Lets 4 processes save at once, each so many values. */
const checkProcesses = (kind: string, count: number): Promise<void> =>
  within(async (folder) => {
    const file = join(folder, 'tokens.json');
    const children = ['p', 'q', 'r', 's'].map((name) => {
      const args = ['--import', 'tsx', writer, file, kind, name, `${count}`];
      return spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'ignore'] });
    });
    try {
      const ended = children.map((child) => once(child, 'close'));
      await Promise.all(children.map((child) => once(child.stdout, 'data')));
      for (const child of children) child.stdin.end('go');
      await Promise.all(ended);
    } finally {
      for (const child of children) child.kill('SIGKILL');
    }
    const text = readFileSync(file, 'utf8');
    const kept = ['p', 'q', 'r', 's'].flatMap((name) =>
      Array.from({ length: count }, (_, n) => text.includes(`"${name} ${n}"`)),
    );
    assert.ok(JSON.parse(text));
    assert.is(kept.filter(Boolean).length, 4 * count, 'keys that were kept');
    assert.is(modeOf(file), '600');
    assert.equal(readdirSync(folder), ['tokens.json']);
  });

test('loses no key of 4 processes that save at once', () => checkProcesses('fileStore', 10));

for (const kind of ['inPlaceStore', 'unlockedStore'])
  test(`${kind} loses keys of 4 processes`, () =>
    complains(() => checkProcesses(kind, 200), /keys that were kept|JSON/));

function gate(): [opened: Promise<void>, open: () => void] {
  let open = (): void => undefined;
  return [new Promise((resolve) => (open = resolve)), () => open()];
}

/** Suspends the holder of a key's lock until another process has taken it over and saved. */
const checkTakeover = ({ fileStore }: Module): Promise<void> =>
  within(async (folder) => {
    const file = join(folder, 'tokens.json');
    const store = fileStore(file);
    // Has queues of its own, as another process.
    const another = (
      await weakened(edit(`const worksOf = inTurnByKey();`, `const worksOf = inTurnByKey(); `))
    ).fileStore(file);
    await store.set(a, 'before');
    using intervals = holdIntervals();
    using timers = holdTimers();
    const [waking, wake] = gate();
    const [entered, enter] = gate();
    const late = store.lock!(a, async () => {
      enter();
      await waking;
      await Promise.all([store.set(b, 'of b'), store.set(a, 'late')]);
    }).catch((error: unknown) => error);
    await entered;
    intervals.tick(1_000);
    let isTaken = false as boolean;
    const next = another.lock!(a, async () => {
      isTaken = true;
      await another.set(a, 'of the next');
      wake();
      await late;
      await another.set(a, `${String(await another.get(a))}, twice`);
    });
    while (!isTaken) {
      await new Promise(setImmediate);
      if (timers.pending > 0) timers.advance(100);
    }
    await next;
    const error = await late;
    assert.is(await store.get(a), 'of the next, twice', 'the value of who has the lock');
    assert.is(await store.get(b), 'of b', 'another value');
    assert.instance(error, TokenStoreError);
    assert.match((error as Error).message, 'was not changed: another process has taken its lock');
    assert.equal(readdirSync(folder), ['tokens.json']);
  });

test('rejects what the holder of a lock sets once another process has taken it over', () =>
  checkTakeover(real));

test('a twin that does not look overwrites a newer value', async () => {
  const twin = await weakened(
    edit(`if (await isLost(this.#held.get(key))) lost.add(key);\n        else if`, `if`),
  );
  await complains(() => checkTakeover(twin), /the value of who has the lock/);
});

/** Takes the lock of the file over while a store saves. */
test('saves again if another process took the file over meanwhile', () =>
  within(async (folder) => {
    const file = join(folder, 'tokens.json');
    const store = fileStore(file);
    await store.set(a, 1);
    const { rename } = promises;
    let isTaken = false;
    const taking: typeof rename = async (from, to) => {
      if (to === file && !isTaken) {
        isTaken = true;
        const [holder = ''] = readdirSync(`${file}.lock`);
        rmSync(join(`${file}.lock`, holder), { recursive: true });
        await unlockedStore(file).set('values', { [b]: { value: 'of the other' } });
      }
      return rename(from, to);
    };
    try {
      promises.rename = taking;
      syncBuiltinESMExports();
      await store.set(a, 2);
    } finally {
      promises.rename = rename;
      syncBuiltinESMExports();
    }
    assert.ok(isTaken);
    assert.is(await store.get(a), 2);
    assert.is(await store.get(b), 'of the other');
  }));

test('ends a wait for another process by its signal', () =>
  within(async (folder) => {
    const store = fileStore(join(folder, 'tokens.json'));
    const place = await store.lock!(a, () => Promise.resolve(readdirSync(folder)[0]!.replace(/\.lock$/, '')));
    const other = await lockFile(join(folder, place));
    try {
      const over = new AbortController();
      const reason = new Error('closed');
      const waiting = store.lock!(a, () => Promise.reject(new Error('ran')), over.signal);
      over.abort(reason);
      assert.is(await assert.rejects(waiting), reason);
      const aborted = store.lock!(a, () => Promise.reject(new Error('ran')), over.signal);
      assert.is(await assert.rejects(aborted), reason);
    } finally {
      await other.release();
    }
    assert.is(await store.lock!(a, () => Promise.resolve('next')), 'next');
  }));

test('cannot lock a key if no folder can be created', () =>
  within(async (folder) => {
    writeFileSync(join(folder, 'file'), '');
    const store = fileStore(join(folder, 'file', 'tokens.json'));
    const work = (): Promise<void> => Promise.reject(new Error('ran'));
    const { message } = await assert.rejects(store.lock!(a, work), TokenStoreError);
    assert.match(message, /cannot be locked: .*tokens\.json \(E\w+\)$/);
    await assert.rejects(() => store.set(a, 1), TokenStoreError);
  }));

test.run();
