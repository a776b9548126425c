/** Only a subscriber that waits keeps a process alive. Each case is a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { memoryStore } from '../../src/store/memory.ts';
import * as assert from '../helpers/assert.ts';
import { token, withBridge } from '../helpers/bridge.ts';
import { suite } from '../helpers/suite.ts';
import { edit, weakenedProgram, type Change } from '../helpers/weakened.ts';

/** The program of `holds.ts`, with changes in the package. */
class Holds implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'holds-'));

  private constructor(program: string) {
    writeFileSync(join(this.#folder, 'holds.mjs'), program);
  }

  static async build(...changes: readonly Change[]): Promise<Holds> {
    return new Holds(await weakenedProgram('holds.ts', ...changes));
  }

  /** Runs a case to its end. Returns the words that it wrote, and its exit code. */
  async run(name: string, url = '', onLine: (line: string) => void = () => undefined): Promise<string> {
    using child = this.#start(name, url);
    const words: string[] = [];
    child.lines.on('line', (line) => (line.startsWith('Open') ? onLine(line) : words.push(line)));
    const [code] = (await assert.deadline(child.closed, `the end of "${name}"`)) as [number | null];
    return `${words.join(' ')} ${code}`;
  }

  /** Returns the first word of a case, which is then ended. */
  async firstWord(name: string): Promise<string> {
    using child = this.#start(name);
    const [word] = (await assert.deadline(once(child.lines, 'line'), `a word of "${name}"`)) as [string];
    return word;
  }

  #start(name: string, url = '') {
    const args = [join(this.#folder, 'holds.mjs'), name, url, token];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface(child.stdout);
    return { lines, closed: once(child, 'close'), [Symbol.dispose]: () => void child.kill('SIGKILL') };
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}

const holding = ['a subscriber', 'withFlow'];
const idle = ['no subscriber', 'an unsubscribed one'];
const here = {
  held: [
    ...holding.map((each) => `here: ${each}`),
    'here: a subscriber by state',
    'in a store: a subscriber',
  ],
  idle: [
    ...idle.flatMap((each) => [`here: ${each}`, `in a store: ${each}`]),
    'here: a host that throws',
    'here: a cancelled flow',
    'here: a closed server',
  ],
};
const remote = {
  held: [...holding, 'a monitor'].map((each) => `over the bridge: ${each}`),
  idle: [...idle, 'a cancelled flow', 'no flow', 'a closed host'].map((each) => `over the bridge: ${each}`),
};

const test = suite('life of a process');
const program = await Holds.build();

for (const [expected, cases] of [
  ['held exits 0', here.held],
  ['exits 0', here.idle],
] as const) {
  for (const name of cases)
    test(`a process ${expected === 'exits 0' ? 'does not live on' : 'lives on'} for ${name}`, async () => {
      assert.is(await program.run(name), expected);
    });
}

for (const [expected, cases] of [
  ['held exits 0', remote.held],
  ['exits 0', remote.idle],
] as const) {
  for (const name of cases)
    test(`a process ${expected === 'exits 0' ? 'does not live on' : 'lives on'} for ${name}`, () =>
      withBridge(async ({ url }) => {
        assert.is(await program.run(name, url), expected);
      }));
}

test('a process that has its response ends by itself, and has acknowledged it', async () => {
  const store = memoryStore();
  await withBridge(
    async ({ url, visit }) => {
      let state = '';
      const ended = program.run('over the bridge: an answered flow', url, (line) => {
        const redirect = new URL(line.slice('Open '.length));
        state = redirect.searchParams.get('state') ?? '';
        void visit(redirect.pathname + redirect.search);
      });
      assert.is(await ended, 'exits 0');
      assert.is(await store.read(state), undefined);
    },
    { store },
  );
});

for (const [twin, name, change, seen] of [
  [
    'a subscriber that holds nothing',
    'here: a subscriber',
    edit('if (!this.observed) holdProcess();', ''),
    'exits',
  ],
  [
    'an unsubscribed one that holds on',
    'here: an unsubscribed one',
    edit(
      'if (this.#observers?.delete(observer) && !this.observed) releaseProcess();',
      'this.#observers?.delete(observer);',
    ),
    'held',
  ],
] as const) {
  test(`the control: ${twin} is noticed`, async () => {
    using weakened = await Holds.build(change);
    assert.is(await weakened.firstWord(name), seen);
  });
}

test.run();
