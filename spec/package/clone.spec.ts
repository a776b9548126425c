/** A clone of the repository without a build: its first command works, and what is packed in it is built. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from '../helpers/assert.ts';
import { root } from '../helpers/consumer.ts';
import { suite } from '../helpers/suite.ts';

const folder = mkdtempSync(join(tmpdir(), 'clone-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const name of readdirSync(root)) {
  if (['.git', 'artifacts', 'dist', 'node_modules', 'spec', 'bench'].includes(name)) continue;
  cpSync(join(root, name), join(folder, name), { recursive: true });
}
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir');

/** Runs a command of npm in the clone. */
function npm(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd: folder, encoding: 'utf8' });
  assert.is(status, 0, stdout + stderr);
  return stdout;
}

const test = suite('a clone');

test(
  'runs the demo without a build',
  () => {
    const events = npm('run', '--silent', 'demo', '--', '--json').trim().split('\n');
    const types = events.map((line) => (JSON.parse(line) as { type: string }).type);
    assert.ok(types.includes('opened'), types.join());
    assert.not.ok(existsSync(join(folder, 'dist')), 'the demo builds nothing');
  },
  { deadline: 60_000 },
);

test(
  'builds the package that npm packs',
  () => {
    const [{ files }] = JSON.parse(npm('pack', '--silent', '--json', '--dry-run')) as [
      { files: { path: string }[] },
    ];
    const paths = files.map(({ path }) => path);
    for (const path of ['dist/index.js', 'dist/index.d.ts', 'dist/cli.cjs', 'docs/index.md'])
      assert.ok(paths.includes(path), path);
  },
  { deadline: 150_000 },
);

test.run();
