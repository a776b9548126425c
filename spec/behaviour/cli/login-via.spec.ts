/** The command `login --via`, built, and a service that does not do its part. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import * as assert from '../../helpers/assert.ts';
import { Cli } from '../../helpers/cli.ts';
import { startIssuer } from '../../helpers/issuer.ts';
import { codeOf, lastLine, loginAt } from '../../helpers/login.ts';
import { RogueService } from '../../helpers/rogue-service.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('rx-oauth-callback login --via');

/** Runs the command with a second of time. Returns its exit code and its last line. */
async function signIn(answersBegin: boolean): Promise<[code: number | null, line: string]> {
  await using as = await startIssuer();
  await using service = await RogueService.open();
  await using command = Cli.start(loginAt(as, '--via', service.url, '--token', 'a-token', '--timeout', '1'));
  if (answersBegin) await service.begins({ expiresAt: Date.now() + 1_000 });
  else await service.next('begin');
  return [await codeOf(command), lastLine(command)];
}

test('ends by its own clock, a moment after its time, if the service says nothing more', async () => {
  const outcomes = await Promise.all([signIn(true), signIn(false)]);
  for (const [code, line] of outcomes) {
    assert.is(code, 6);
    assert.match(line, /^rx-oauth-callback: /);
  }
  assert.is(outcomes[0][1], outcomes[1][1]);
});

test('ends at once by Ctrl-C while a service that accepts the connection says nothing', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  await using as = await startIssuer();
  const url = `ws://127.0.0.1:${port}/bridge`;
  await using command = Cli.start(loginAt(as, '--via', url, '--token', 'a-token'));
  try {
    const [socket] = (await once(silent, 'connection')) as [Socket];
    socket.on('error', () => undefined).resume();
    command.signal('SIGINT');
    // The attempt to connect would take ten seconds.
    assert.is((await command.end(8_000)).code, 130);
  } finally {
    silent.close();
  }
});

test.run();
