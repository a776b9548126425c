import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { Browser } from '../../../src/testing/browser.ts';
import * as assert from '../../helpers/assert.ts';
import { compiledExample } from '../../helpers/compiled-programs.ts';
import { root } from '../../helpers/consumer.ts';
import { clientId, startProvider, type SignInProvider } from '../../helpers/provider.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('fresh-tokens.ts');

class Program implements AsyncDisposable {
  readonly #child;
  readonly #lines;
  readonly #closed: Promise<unknown>;
  readonly stderr: Promise<string>;
  readonly heard: string[] = [];

  constructor({ issuer }: SignInProvider, args = ['--import', 'tsx', 'examples/fresh-tokens.ts']) {
    const env = { ...process.env, ISSUER: issuer, CLIENT_ID: clientId };
    this.#child = spawn(process.execPath, args, {
      cwd: root,
      env,
    });
    this.#closed = once(this.#child, 'close');
    this.stderr = text(this.#child.stderr);
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  async line(start: string): Promise<string> {
    for (;;) {
      const next = await assert.deadline(this.#lines.next(), start);
      if (next.done === true) throw new Error(`it ended: ${await this.stderr}`);
      this.heard.push(next.value);
      if (next.value.startsWith(start)) return next.value;
    }
  }

  async interrupted(): Promise<number | null> {
    this.#child.kill('SIGINT');
    return this.ended();
  }

  async ended(): Promise<number | null> {
    await this.#closed;
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}

test('signs in once, and renews what expires', async () => {
  // A second longer than the margin within which the program renews.
  const configuration = {
    ttl: {
      AccessToken: 61,
      RefreshToken: 600,
      Grant: 600,
      Session: 600,
      Interaction: 600,
      IdToken: 600,
      AuthorizationCode: 60,
    },
  };
  await using as = await startProvider({ configuration });
  await using program = new Program(as);
  const url = new URL((await program.line('Open ')).slice('Open '.length));
  await new Browser().open(url);
  assert.match(await program.line('A token'), /^A token for ada, good for 6[01] s$/);
  assert.match(await program.line('A token'), /^A token for ada, good for 6[01] s$/);
  assert.is(as.requests.filter((line) => line === 'POST /token').length, 2);
  assert.is(await program.interrupted(), 0);
  assert.is(await program.stderr, '');
  // But the one URL that it asks its user to open, nothing that it prints has 43 characters of base64url in a row.
  assert.not.match(program.heard.filter((line) => !line.startsWith('Open ')).join('\n'), /[\w-]{40,}/);
});

test('says why it is not signed in', async () => {
  await using as = await startProvider({ answer: 'deny' });
  await using program = new Program(as, [compiledExample('fresh-tokens.ts')]);
  await new Browser().open(new URL((await program.line('Open ')).slice('Open '.length)));
  assert.is(await program.ended(), 1);
  assert.is(await program.stderr, 'Not signed in: Access was denied by the authorization server.\n');
});

test.run();
