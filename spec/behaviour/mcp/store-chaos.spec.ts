/**
 * Processes that count in a file store under the lock of one key, while whichever has the lock is killed. `npm run chaos -- mcp-store`
 * kills 1,000 of them, the suite a twentieth.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileStore } from '../../../src/mcp/file-store.ts';
import * as assert from '../../helpers/assert.ts';
import { chaosCount, chaosDeadline } from '../../helpers/chaos.ts';
import { complains } from '../../helpers/complains.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedProgram, type Change } from '../../helpers/weakened.ts';

/** Processes that count at the same time. */
const lanes = 3;

/** Milliseconds within which another process must have the lock. */
const takeoverMs = 10_000;

/** A process that counts until it is killed. */
class Counter {
  readonly child: ChildProcess;
  readonly closed: Promise<unknown>;
  /** Set once it has saved in its turn. */
  hasSaved = false;

  constructor(program: string, file: string, name: string, heard: (line: string, by: Counter) => void) {
    const child = spawn(process.execPath, [program, file, name], { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface(child.stdout).on('line', (line) => heard(line, this));
    this.child = child;
    this.closed = once(child, 'close');
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.closed;
  }
}

/** Words of a counter while it has the lock. */
type Word = 'held' | 'saved' | 'noted';

/** Counters of one file, and what each key must have at least. */
class Counters {
  readonly #start: (name: string) => Counter;
  readonly #all = new Map<string, Counter>();
  readonly #words = new EventEmitter<Record<Word, [Counter]>>();
  readonly saved = new Map<string, number>();
  #heldAt = 0;
  /** Milliseconds that the last one needed to save a value. */
  saveMs = 0;

  constructor(program: string, file: string) {
    this.#start = (name) =>
      new Counter(program, file, name, (line, by) => {
        const [word, count] = line.split(' ') as [Word, string?];
        by.hasSaved = word !== 'held';
        if (word === 'held') this.#heldAt = performance.now();
        else this.saved.set(word === 'saved' ? 'server' : `client ${name}`, Number(count));
        if (word === 'saved') this.saveMs = performance.now() - this.#heldAt;
        this.#words.emit(word, by);
      });
    for (let lane = 0; lane < lanes; lane++) this.#all.set(`${lane}`, this.#start(`${lane}`));
  }

  /** Resolves with the next one that says so. */
  async next(word: Word): Promise<Counter> {
    const [counter] = (await once(this.#words, word)) as [Counter];
    return counter;
  }

  /** Kills one and starts another of its name. */
  async replace(counter: Counter): Promise<void> {
    await counter.kill();
    for (const [name, each] of this.#all) if (each === counter) this.#all.set(name, this.#start(name));
  }

  async end(): Promise<void> {
    await Promise.all([...this.#all.values()].map((counter) => counter.kill()));
  }
}

interface Outcome {
  /** Processes that were killed while they had the lock. */
  killed: number;
  /** Killed counters that had not yet saved. */
  unsaved: number;
  /** Milliseconds until another process had the lock or had saved, at the most. */
  slowest: number;
}

/** Kills so many holders of the lock, and sees after each that nothing is lost and another process goes on. */
async function chaos(kills: number, withinMs: number, ...changes: readonly Change[]): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-store-'));
  try {
    const program = join(folder, 'counter.mjs');
    writeFileSync(program, await weakenedProgram('store-counter.ts', ...changes));
    return await killing(kills, withinMs, program, join(folder, 'store', 'tokens.json'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function killing(kills: number, withinMs: number, program: string, file: string): Promise<Outcome> {
  const store = fileStore(file);
  const bystanders = Array.from({ length: 20 }, (_, n) => `server https://${n}.example`);
  await Promise.all(bystanders.map((key) => store.set(key, key.repeat(50))));

  const outcome: Outcome = { killed: 0, unsaved: 0, slowest: 0 };
  const counters = new Counters(program, file);
  try {
    await counters.next('saved');
    while (outcome.killed < kills) {
      const since = performance.now();
      // Some before they save the first value, some while they save the second.
      const word = outcome.killed % 2 === 0 ? 'held' : 'saved';
      const holder = await assert.deadline(counters.next(word), 'another process goes on', withinMs);
      if (outcome.killed > 0) outcome.slowest = Math.max(outcome.slowest, performance.now() - since);
      await setTimeout(Math.random() * counters.saveMs);
      await counters.replace(holder);
      if (holds(dirname(file), holder.child)) {
        outcome.killed++;
        if (!holder.hasSaved) outcome.unsaved++;
      }
      requireWhole(file, bystanders, counters.saved);
    }
  } finally {
    await counters.end();
  }
  requireWhole(file, bystanders, counters.saved);
  // The next one also removes what killed processes have left.
  await store.lock?.('server', () => Promise.resolve(store.set('server', 0)));
  assert.equal(readdirSync(dirname(file)), ['tokens.json'], 'what is left beside the file');
  return outcome;
}

/** Tells if a process has the lock of a key. */
function holds(folder: string, { pid }: ChildProcess): boolean {
  const lock = readdirSync(folder).find((name) => /\.[\w-]{22}\.lock$/.test(name));
  try {
    return lock !== undefined && readdirSync(join(folder, lock)).some((name) => name.includes(`-${pid}-`));
  } catch {
    // Another process has taken it over meanwhile.
    return false;
  }
}

function requireWhole(file: string, bystanders: readonly string[], saved: ReadonlyMap<string, number>): void {
  const text = readFileSync(file, 'utf8');
  assert.is((statSync(file).mode & 0o777).toString(8), '600', 'the mode of the file');
  assert.ok(text.endsWith('}\n'), 'the file is cut');
  const { values } = JSON.parse(text) as { values: Record<string, { value: unknown } | undefined> };
  for (const key of bystanders) assert.is(values[key]?.value, key.repeat(50), `the value of ${key}`);
  for (const [key, count] of saved)
    assert.ok(
      Number(values[key]?.value) >= count,
      `${key} was saved as ${count}; it is ${String(values[key]?.value)}`,
    );
}

const test = suite('a file store whose users are killed');

test(
  'stays whole and goes on, whoever is killed',
  async () => {
    const { killed, unsaved, slowest } = await chaos(chaosCount(1_000), takeoverMs);
    const next = `the next went on within ${Math.round(slowest)} ms`;
    console.log(`${killed} killed, ${unsaved} of them before they had saved; ${next}`);
    assert.ok(unsaved > 0 && unsaved < killed, 'are killed before and after they save');
  },
  { deadline: chaosDeadline(60_000) },
);

for (const [what, change, complaint] of [
  [
    'a lock that does not end with its process',
    edit('isDead(holder.id) || silentLooks', 'silentLooks'),
    /another process goes on: not settled/,
  ],
  [
    'a file that is written in place',
    edit(
      'await rename(draft, file);',
      `const old = await open(file, 'w');
       for (const part of [text.slice(0, 500), text.slice(500)]) {
         await new Promise((resolve) => setTimeout(resolve, 2));
         await old.writeFile(part);
       }
       await old.close();
       await rm(draft);`,
    ),
    /the file is cut/,
  ],
  [
    'saves that have not ended when they say so',
    edit(
      'await lock.replace(printEntries(entries));',
      'setTimeout(() => void lock.replace(printEntries(entries)).catch(() => 0));',
    ),
    /was saved as/,
  ],
] as const)
  test(`finds ${what}`, () =>
    complains(async () => {
      await chaos(50, 3_000, change);
    }, complaint));

test.run();
