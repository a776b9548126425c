/** Completion scripts, in the real shells. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import * as assert from '../../helpers/assert.ts';
import { bin, Cli, Folder, run } from '../../helpers/cli.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('completion');

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

/** Texts that a user types, and the words that the shell offers then: one, which it completes, several as a list, or none. */
const cases: readonly (readonly [typed: string, offers: readonly string[]])[] = [
  ['se', ['serve']],
  ['log', ['login', 'logout']],
  ['--ver', ['--version']],
  ['help wa', ['watch']],
  ['completion f', ['fish']],
  ['logout --fo', ['--forget']],
  ['token --format e', ['env', 'exec-credential']],
  ['token --format=h', ['header']],
  ['token --id-token --format js', ['json']],
  ['watch --type re', ['redirect']],
  ['serve --clean-url r', ['redirect']],
  ['serve --tls-cert ce', ['cert.pem']],
  ['token to', ['tokens.json']],
  ['token --timeout 5 to', ['tokens.json']],
  ['login --issuer https://as.example --save to', ['tokens.json']],
  ['serve --port ', []],
  ['token tokens.json ', []],
];

/** A folder with two files to complete, and the command in a folder of the path. */
class Desk implements Disposable {
  readonly #folder = new Folder();
  readonly path = this.#folder.path;
  readonly env: Readonly<Record<string, string>>;

  constructor() {
    mkdirSync(join(this.path, 'bin'));
    const command = this.#folder.write(
      join('bin', 'rx-oauth-callback'),
      `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`,
    );
    chmodSync(command, 0o700);
    mkdirSync(join(this.path, 'desk'));
    for (const name of ['cert.pem', 'tokens.json']) this.#folder.write(join('desk', name), '');
    const PATH = [join(this.path, 'bin'), process.env['PATH'] ?? ''].join(delimiter);
    this.env = { PATH, HOME: this.path, TERM: 'dumb' };
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

for (const [shell, start, setup] of [
  [
    'bash',
    ['bash', '--norc', '--noprofile', '-i'],
    `bind 'set show-all-if-ambiguous on'; bind 'set page-completions off'; source <(rx-oauth-callback completion bash)`,
  ],
  [
    'zsh',
    ['zsh', '-f', '-i'],
    `setopt no_prompt_cr; LISTMAX=999; autoload -Uz compinit && compinit -u -D; source <(rx-oauth-callback completion zsh)`,
  ],
] as const)
  test.when(has(shell), `no ${shell} here`)(`is done by ${shell}`, async () => {
    using desk = new Desk();
    await using terminal = Cli.shell(50, 200, start, desk.env);
    terminal.press(`PS1='pro''mpt '; cd '${join(desk.path, 'desk')}'; ${setup}; echo rea''dy\r`);
    await terminal.sees(/^ready\s+prompt /m);
    for (const [typed, offers] of cases) {
      terminal.stdout = '';
      // The word after it shows that the shell has completed: it reads key by key.
      terminal.press(`rx-oauth-callback ${typed}\t`);
      if (offers.length > 1)
        for (const offer of offers) await terminal.sees(new RegExp(`^(?:.* )?${offer}(?: |\\r|$)`, 'm'));
      terminal.press('|');
      // Without the bell of a shell that has nothing to offer.
      const line = (await terminal.sees(/([^\r\n]*)\|/)).replaceAll('\x07', '');
      const [only = typed.split(' ').at(-1)!] = offers;
      if (offers.length < 2) {
        const before = typed.replace(/[^ =]*$/, '');
        assert.match(line, `rx-oauth-callback ${before}${only}`, typed);
        // If nothing but options can follow, zsh adds their dash.
        if (offers.length === 0) assert.match(line, new RegExp(`${typed}-?$`), typed);
      }
      // Ctrl-U clears the line, and Return gives another prompt.
      terminal.press('\x15\r');
      await terminal.sees(/\|[^]*\n[^]*prompt /);
    }
  });

test.when(has('fish'), 'no fish here')('is done by fish', async () => {
  using desk = new Desk();
  const { stdout: script } = await run(['completion', 'fish']);
  for (const [typed, offers] of cases) {
    const { stdout, stderr } = spawnSync(
      'fish',
      ['--no-config', '-c', `${script}\ncomplete -C 'rx-oauth-callback ${typed}'`],
      { cwd: join(desk.path, 'desk'), env: desk.env, encoding: 'utf8' },
    );
    assert.is(stderr, '');
    const offered = stdout.split('\n').flatMap((line) => line.split('\t')[0]?.replace(/^--\S+=/, '') || []);
    assert.equal(offered.sort(), offers, typed);
  }
});

test('knows no other shell', async () => {
  const { code, stdout, stderr } = await run(['completion', 'tcsh']);
  assert.equal([code, stdout], [2, '']);
  assert.match(stderr, "value 'tcsh' is invalid for argument 'shell'");
});

test.run();
