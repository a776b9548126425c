/** A sign-in in an SSH session whose browser is at home: the example for a command of one's own, and the command `login`. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { startFakeProvider, type FakeProvider } from '../../../src/testing.ts';
import * as assert from '../../helpers/assert.ts';
import { bin, Folder, type Cli } from '../../helpers/cli.ts';
import { compiledExample } from '../../helpers/compiled-programs.ts';
import { ensureBuild, root } from '../../helpers/consumer.ts';
import { visit } from '../../helpers/http.ts';
import { redirectOf } from '../../helpers/provider.ts';
import { freePort } from '../../helpers/redis-server.ts';
import { hasSshd, home, noSshd, SshServer } from '../../helpers/ssh-server.ts';
import { suite } from '../../helpers/suite.ts';

const all = suite('over SSH');
const test = all.when(hasSshd, noSshd);

/** A program that signs in, as a person types it in an SSH session. */
interface Program {
  readonly name: string;
  command(provider: FakeProvider, folder: Folder, port: number): readonly string[];
  /** Said once keys that are pressed are hidden. */
  readonly takesPastes: RegExp;
  readonly complaint: RegExp;
  readonly deniedCode: number;
}

const example = (...args: readonly string[]): Program => ({
  name: 'examples/over-ssh.ts',
  command: ({ issuer, clientId }, _folder, port) => [
    ...['env', '-C', root, `ISSUER=${issuer}`, `CLIENT_ID=${clientId}`, `PORT=${port}`],
    ...[process.execPath, ...args],
  ],
  takesPastes: /Or paste the address/,
  complaint: /Not accepted \(unmatched\)\. Paste the whole address:/,
  deniedCode: 1,
});

const asItsUserDoes = example('--import', 'tsx', 'examples/over-ssh.ts');

const programs: readonly Program[] = [
  example(compiledExample('over-ssh.ts')),
  {
    name: 'login',
    // On a terminal the tokens belong in a file.
    command: ({ issuer, clientId }, { path }, port) => [
      ...[process.execPath, bin, 'login', '--issuer', issuer, '--client-id', clientId, '--scope', 'openid'],
      ...['--port', String(port), '--save', `${path}/tokens.json`],
    ],
    takesPastes: /Or paste the address[^]*Waiting for the sign-in/,
    complaint: /This response belongs to another sign-in or was used before\. Try again:/,
    deniedCode: 5,
  },
];

/** A program in a session, its provider, and what a person at home sees and does. */
class Session {
  readonly command: Cli;
  readonly #provider: FakeProvider;
  readonly #called: string;
  #redirect: URL | undefined;

  constructor(command: Cli, provider: FakeProvider, called: string) {
    this.command = command;
    this.#provider = provider;
    this.#called = called;
  }

  /** The line that the program prints for the machine with the browser. */
  tunnelLine(): Promise<string> {
    return this.command.sees(/(ssh -N -L .*?@[\w.]+)/);
  }

  /** Opens the URL at home. Resolves with the address that the browser is sent to. */
  async signIn(): Promise<URL> {
    const url = await this.command.sees(/(http:\/\/127\.0\.0\.1:\d+\/authorize\?[\x21-\x7e]+)/);
    this.#redirect = await redirectOf(this.#provider, new URL(url));
    return this.#redirect;
  }

  /** The browser at home goes where it was sent; resolves with the status of the page. */
  async comeBack({ port, pathname, search, host } = this.#redirect!): Promise<number> {
    const { status } = await visit(`http://${home}:${port}`, pathname + search, { Host: host });
    return status;
  }

  /** The program has ended like that, has opened no browser there, and has shown no secret. */
  async ended(code: number): Promise<void> {
    assert.equal(await this.breaches(), []);
    assert.is((await this.command.end()).code, code, this.command.stdout);
  }

  async breaches(): Promise<string[]> {
    const { stdout, stderr } = await this.command.end();
    const secrets = this.#provider.tokens.map(({ value }) => ['a token', value]);
    const code = this.#redirect?.searchParams.get('code') ?? undefined;
    if (code !== undefined) secrets.push(['the code', code]);
    return [
      ...secrets.flatMap(([what = '', secret = '']) =>
        (stdout + stderr).includes(secret) ? `shows ${what}` : [],
      ),
      ...(existsSync(this.#called) ? ['opens a browser'] : []),
    ];
  }
}

async function inSession(
  { command }: Program,
  body: (session: Session, machine: SshServer, provider: FakeProvider) => Promise<void>,
  { port = 0, options = [] as readonly string[], browser = '' } = {},
): Promise<void> {
  ensureBuild();
  using folder = new Folder();
  await using provider = await startFakeProvider();
  await using machine = await SshServer.start();
  // A desktop that the person would not see.
  const called = `${folder.path}/called`;
  folder.write('xdg-open', `#!/bin/sh\ntouch '${called}'\n`, 0o755);
  const desktop = ['env', `PATH=${folder.path}:/usr/bin:/bin`, 'DISPLAY=:0', `BROWSER=${browser}`];
  await using cli = machine.session([...desktop, ...command(provider, folder, port)], ...options);
  await body(new Session(cli, provider, called), machine, provider);
}

const answersAtHome = (port: string): Promise<boolean> => {
  const socket = connect(Number(port), home);
  return assert
    .deadline(
      once(socket, 'connect').then(
        () => true,
        () => false,
      ),
      'a connection',
    )
    .finally(() => socket.destroy());
};

for (const program of [asItsUserDoes, ...programs.slice(1)])
  test(`${program.name} prints the line that lets the browser at home reach it`, () =>
    inSession(program, async (session, machine) => {
      const line = await session.tunnelLine();
      const { port } = await session.signIn();
      assert.match(line, `ssh -N -L ${port}:127.0.0.1:${port} -p ${machine.port} `);
      assert.is(await answersAtHome(port), false);
      await using tunnel = await machine.tunnel(line);
      assert.is(await session.comeBack(), 200, tunnel.stderr);
      await session.ended(0);
    }));

for (const program of programs) {
  test(`${program.name} takes a port that the session forwards`, async () => {
    const port = await freePort();
    const options = ['-L', `${home}:${port}:127.0.0.1:${port}`];
    await inSession(
      program,
      async (session) => {
        assert.is((await session.signIn()).port, String(port));
        assert.is(await session.comeBack(), 200);
        await session.ended(0);
      },
      { port, options },
    );
  });

  test(`${program.name} takes the pasted address of the page that did not load`, () =>
    inSession(program, async (session) => {
      const back = await session.signIn();
      assert.is(await answersAtHome(back.port), false);
      await session.command.sees(program.takesPastes);
      const other = new URL(back);
      other.searchParams.set('state', 'a-state-of-another-sign-in');
      session.command.press(`${other.href}\r`);
      await session.command.sees(program.complaint);
      session.command.press(`${back.href}\r`);
      await session.ended(0);
    }));

  test(`${program.name} says that the user has declined`, () =>
    inSession(program, async (session, _machine, provider) => {
      provider.answerNext({ error: 'access_denied' });
      const back = await session.signIn();
      await session.command.sees(program.takesPastes);
      session.command.press(`${back.href}\r`);
      await session.ended(program.deniedCode);
      assert.match(session.command.stdout, 'Access was denied by the authorization server.');
    }));

  test(`${program.name} ends with Ctrl-C, and with its connection`, async () => {
    await inSession(program, async (session) => {
      await session.command.sees(program.takesPastes);
      session.command.press('\x03');
      await session.ended(130);
    });
    await inSession(program, async (session) => {
      const { port } = await session.signIn();
      await session.command.sees(program.takesPastes);
      const held = connect(Number(port), '127.0.0.1').on('error', () => undefined);
      await once(held, 'connect');
      const closed = new Promise((resolve) => held.resume().once('close', resolve));
      session.command.signal('SIGKILL');
      await assert.deadline(closed, 'the end of the program');
    });
  });
}

test('finds a browser that was opened, and a code that a terminal has shown', async () => {
  // It prints the URL once the browser has started.
  await inSession(
    programs[1]!,
    async (session) => {
      await visit(await session.signIn());
      assert.equal(await session.breaches(), ['opens a browser']);
    },
    { browser: 'xdg-open' },
  );

  const twin = compiledExample('over-ssh.ts', (text) =>
    text.replace('terminal: process.stdin.isTTY', 'terminal: false'),
  );
  await inSession(example(twin), async (session) => {
    const back = await session.signIn();
    await session.command.sees(/Or paste the address/);
    session.command.press(`${back.href}\r`);
    assert.equal(await session.breaches(), ['shows the code']);
  });
});

all.run();
