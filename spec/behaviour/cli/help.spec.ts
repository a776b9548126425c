/** Holds the output of `--help` word for word, so that a change of it is seen. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commands } from '../../../tools/command.ts';
import { exitCodes } from '../../../src/cli/exit-codes.ts';
import manifest from '../../../package.json' with { type: 'json' };
import * as assert from '../../helpers/assert.ts';
import { Cli, run } from '../../helpers/cli.ts';
import { root } from '../../helpers/consumer.ts';
import { suite } from '../../helpers/suite.ts';

/** The help as docs/reference/cli.md has it, which `npm run settings` writes. */
const document = readFileSync(join(root, 'docs/reference/cli.md'), 'utf8');
const snapshot = (name: string): string => {
  const [, text] =
    new RegExp(`^<!-- help of ${name}:.*?\\n\`\`\`text\\n(.*?)\`\`\`$`, 'ms').exec(document) ?? [];
  if (text === undefined) throw new Error(`docs/reference/cli.md has no help of ${name}`);
  return text;
};

const test = suite('help');

test('lists the commands', async () => {
  const { code, stdout, stderr } = await run(['--help']);
  assert.equal([code, stderr], [exitCodes.ok, '']);
  assert.snapshot(stdout, snapshot('the program'));
});

for (const command of commands.filter((each) => each !== '')) {
  test(`lists the options of ${command}, with examples`, async () => {
    const { code, stdout, stderr } = await run([command, '--help']);
    assert.equal([code, stderr], [exitCodes.ok, '']);
    assert.snapshot(stdout, snapshot(command));
    if (command !== 'help') assert.match(stdout, '\nExamples:\n  $ rx-oauth-callback ');
  });
}

test('is printed by the command help', async () => {
  assert.equal(await run(['help']), await run(['--help']));
  assert.equal(await run(['help', 'serve']), await run(['serve', '--help']));
});

test('says that there is no such command, and which one is similar', async () => {
  for (const args of [['help', 'tokn'], ['tokn']]) {
    const { code, stdout, stderr } = await run(args);
    assert.equal([code, stdout], [exitCodes.usage, '']);
    assert.is(stderr, "rx-oauth-callback: unknown command 'tokn'\n(Did you mean token?)\n");
  }
});

test('is printed if no command is given, as bad usage', async () => {
  const { code, stdout, stderr } = await run([]);
  assert.equal([code, stdout], [exitCodes.usage, '']);
  assert.snapshot(stderr, snapshot('the program'));
});

test('has no colours in a file, and fits a terminal', async () => {
  await using cli = Cli.onTerminal(['serve', '--help']);
  const { stdout } = await cli.end();
  assert.ok(stdout.split('\n').every((line) => line.trimEnd().length <= 110));
});

test('prints the version', async () => {
  for (const flag of ['--version', '-v', '-V'])
    assert.equal(await run([flag]), { code: 0, stdout: `${manifest.version}\n`, stderr: '' }, flag);
});

test.run();
