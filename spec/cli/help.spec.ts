/** What `--help` says, word for word, so that a change of it is seen. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { exitCodes, meanings } from '../../src/cli/exit-codes.ts';
import manifest from '../../package.json' with { type: 'json' };
import * as assert from '../helpers/assert.ts';
import { Cli, run } from '../helpers/cli.ts';
import { root } from '../helpers/consumer.ts';
import { rowsUnder } from '../helpers/readme.ts';
import { suite } from '../helpers/suite.ts';

/** `node dist/cli.cjs serve --help >spec/fixtures/help/serve.txt` writes one anew. */
const snapshot = (name: string): string =>
  readFileSync(join(root, 'spec', 'fixtures', 'help', `${name}.txt`), 'utf8');

const test = suite('help');

test('says what commands there are', async () => {
  const { code, stdout, stderr } = await run(['--help']);
  assert.equal([code, stderr], [exitCodes.ok, '']);
  assert.snapshot(stdout, snapshot('program'));
});

for (const command of ['serve', 'login', 'watch', 'demo']) {
  test(`says what ${command} can be told, with examples`, async () => {
    const { code, stdout, stderr } = await run([command, '--help']);
    assert.equal([code, stderr], [exitCodes.ok, '']);
    assert.snapshot(stdout, snapshot(command));
    assert.match(stdout, '\nExamples:\n  $ rx-oauth-callback ');
  });
}

test('is what comes of no command, as bad usage', async () => {
  const { code, stdout, stderr } = await run([]);
  assert.equal([code, stdout], [exitCodes.usage, '']);
  assert.snapshot(stderr, snapshot('program'));
});

test('has no colour that a file would not want, and fits a terminal', async () => {
  await using cli = Cli.onTerminal(['serve', '--help']);
  const { stdout } = await cli.end();
  assert.ok(stdout.split('\n').every((line) => line.trimEnd().length <= 110));
});

test('says the version', async () => {
  assert.is((await run(['--version'])).stdout, `${manifest.version}\n`);
});

test('README.md has the same exit codes', () => {
  const codes = Object.entries(meanings).map(([name, meaning]) => [
    `\`${exitCodes[name as keyof typeof exitCodes]}\``,
    meaning.charAt(0).toUpperCase() + meaning.slice(1),
  ]);
  assert.equal(
    rowsUnder('Exit codes')
      .slice(1)
      .map(([code, meaning = '']) => [code, meaning.replaceAll('`', '').replace(/\.$/, '')]),
    codes,
  );
});

test.run();
