/** Commands that are suspended by Ctrl-Z and continued by `fg`, as jobs of a real shell. */
import * as assert from '../../helpers/assert.ts';
import { token, withBridge } from '../../helpers/bridge.ts';
import { Cli } from '../../helpers/cli.ts';
import { startProvider } from '../../helpers/provider.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('suspended commands');

/** Presses Ctrl-Z, sees that the shell has its terminal, and continues the job. @param round Number of the suspension. */
async function suspendAndContinue(shell: Cli, round: number): Promise<void> {
  shell.press('\x1a');
  await shell.sees(new RegExp(String.raw`(?:Stopped[^]*){${round}}bash\S*[#$] `));
  // The sum, so that the answer differs from what is typed.
  shell.press(`stty -a | grep -c ' echo '; echo round$((${round} + 0))\r`);
  assert.is(await shell.sees(new RegExp(String.raw`(\d+)\s+round${round}`)), '1', 'the shell echoes nothing');
  shell.press('fg\r');
}

for (const [rest, status] of [
  ['', 130],
  // The status of a pipeline is that of its last program.
  [' | cat', 0],
] as const)
  test(`login${rest} reads pasted lines and Ctrl-C after Ctrl-Z and fg`, async () => {
    await using as = await startProvider({ registration: true });
    await using shell = Cli.inShell(['login', '--issuer', as.issuer, '--no-browser', rest]);
    await shell.sees(/input is hidden/);
    for (const [round, line, complaint] of [
      [1, 'one', /too short[^]*Try again:/],
      [2, 'two words', /neither[^]*Try again:/],
    ] as const) {
      await suspendAndContinue(shell, round);
      await shell.sees(new RegExp(String.raw`(?:fg\r\n[^]*login --issuer[^]*){${round}}`));
      shell.press(`${line}\r`);
      await shell.sees(complaint);
    }
    shell.press('\x03');
    await shell.sees(/bash\S*[#$] $/);
    shell.press('echo "ended with $?"\r');
    await shell.sees(new RegExp(`ended with ${status}`));
    shell.press('exit\r');
    await shell.end();
  });

test('watch shows the cursor while it is suspended, and draws its table anew after fg', () =>
  withBridge(async ({ url, server }) => {
    await using shell = Cli.inShell(['watch', url], { RX_OAUTH_CALLBACK_TOKEN: token });
    await shell.sees(/live[^]*waiting 0/);
    await suspendAndContinue(shell, 1);
    const [hidden, shown] = ['\x1b[?25l', '\x1b[?25h'].map((code) => shell.stdout.lastIndexOf(code));
    assert.ok(shown! > hidden!, 'the shell has no cursor');
    await shell.sees(/fg\r\n[^]*live/);
    await server.begin();
    await shell.sees(/fg\r\n[^]*waiting 1/);
    shell.press('\x03');
    await shell.sees(/bash\S*[#$] $/);
    shell.press('echo "ended with $?"\r');
    await shell.sees(/ended with 0/);
    shell.press('exit\r');
    await shell.end();
  }));

test.run();
