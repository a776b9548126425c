/** The man page: it has every command and option, and mandoc finds nothing wrong with it. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import manifest from '../../package.json' with { type: 'json' };
import { commandTable } from '../../src/cli/command-table.ts';
import { processIo } from '../../src/cli/io.ts';
import { createProgram } from '../../src/cli/program.ts';
import * as assert from '../helpers/assert.ts';
import { root } from '../helpers/consumer.ts';
import { suite } from '../helpers/suite.ts';

const path = join(root, manifest.man);
// Without a program to ask, mandoc ends with an error that is not about its absence.
const hasMandoc = spawnSync('mandoc', [path]).error === undefined;

const test = suite('the man page');

test.when(hasMandoc, 'no mandoc here')('is right, and shows every command and option', () => {
  // A date would differ at every build.
  const lint = (text: string): string[] =>
    spawnSync('mandoc', ['-T', 'lint', '-W', 'warning'], { input: text, encoding: 'utf8' })
      .stdout.split('\n')
      .filter((line) => line !== '' && !line.includes('missing date'));
  const source = readFileSync(path, 'utf8');
  assert.equal(lint(source), []);
  assert.is.not(lint(source.replace('.TP', '.TPP')).length, 0);
  const { stdout } = spawnSync('mandoc', ['-T', 'ascii', '-O', 'width=200', path], { encoding: 'utf8' });
  // Bold characters are struck twice.
  const shown = stdout.replace(/.\x08/g, '').replace(/^ +/gm, '');
  for (const command of commandTable(createProgram(processIo())).commands) {
    assert.match(shown, `\n${command.term}\n`);
    for (const { term } of command.options) assert.match(shown, `\n${term}`, `${command.name} ${term}`);
  }
  assert.match(shown, `\n$ rx-oauth-callback completion zsh >> ~/.zshrc\n`);
  assert.match(shown, `\nRX_OAUTH_CALLBACK_CLIENT_SECRET`);
});

test.run();
