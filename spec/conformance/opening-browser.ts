import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { InvalidOptionError } from '../../src/index.ts';
import { isSecure } from '../../src/base/loopback.ts';
import * as assert from '../helpers/assert.ts';
import { virtualTime } from '../helpers/clock.ts';
import { withServer } from '../helpers/endpoint.ts';
import { edit, replacing } from '../helpers/weakened.ts';
import { check, exportsOf, requirement, requirementsOn, server, twin } from './requirement.ts';

const environment = exportsOf<typeof import('../../src/login/browser-environment.ts')>(
  'login/browser-environment.ts',
);
const browser = exportsOf<typeof import('../../src/login/browser.ts')>('login/browser.ts');

// Characters that a shell would interpret.
const authorizeUrl = "https://as.example/authorize?a=$(id)&b=%PATH%&c='%60id%60'&d=^;|#e";

/** Changes the environment, and the platform where one is named, for as long as the body runs. */
async function under(env: NodeJS.ProcessEnv, platform: string, body: () => Promise<void>): Promise<void> {
  const before = { ...process.env };
  const own = Object.getOwnPropertyDescriptor(process, 'platform')!;
  Object.assign(process.env, env);
  Object.defineProperty(process, 'platform', { ...own, value: platform });
  try {
    await body();
  } finally {
    Object.defineProperty(process, 'platform', own);
    process.env = before;
  }
}

/** Programs that note their arguments, one a line, and then do what their script says. */
class Programs implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'browser-'));
  readonly #notes = join(this.folder, 'notes');

  add(name: string, script = ''): this {
    const file = join(this.folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `#!/bin/sh\nprintf '%s\\n' ${name} "$@" >>'${this.#notes}'\n${script}\n`);
    chmodSync(file, 0o755);
    return this;
  }

  /** Takes what the programs have noted. */
  noted(): string[] {
    if (!existsSync(this.#notes)) return [];
    const notes = readFileSync(this.#notes, 'utf8').trimEnd().split('\n');
    rmSync(this.#notes);
    return notes;
  }

  /** Runs the body where these are found before others. */
  found(
    body: () => Promise<void>,
    { platform = 'linux', ...env }: Record<string, string> = {},
  ): Promise<void> {
    const PATH = `${this.folder}:${process.env['PATH'] ?? ''}`;
    return under({ PATH, BROWSER: '', WSL_DISTRO_NAME: '', ...env }, platform, body);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

// Time stands still, so that a launcher may take as long as it takes.
const still = virtualTime().scheduler;

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
}

/** Resolves once a program has noted that it runs. */
async function noted(programs: Programs): Promise<void> {
  while (programs.noted().length === 0) await turns(1);
}

export const requirements = requirementsOn(
  'Opening a browser',
  requirement(
    'E-09',
    {
      demand: 'Open https URLs, and http URLs on loopback, and never through a shell.',
      source: 'MCP security best practices',
      scope: 'loopback',
    },
    check(
      server,
      'builds URLs for a browser from http and https endpoints only, with every value inert',
      (create) =>
        withServer(
          {},
          async ({ server }) => {
            const flow = await server.begin();
            const schemes = [
              'javascript:alert(1)',
              'file:///etc/passwd',
              'data:text/html,x',
              'vbscript:x',
              'ms-settings:x',
              'ftp://as.example/',
            ];
            for (const endpoint of schemes) {
              const error = assert.throws(() => flow.authorizationUrl(endpoint), InvalidOptionError);
              assert.is(error.option, 'endpoint');
            }
            const hostile = [
              '$(touch pwned)',
              '`touch pwned`',
              '"&calc&"',
              "';calc'",
              '|calc',
              '\r\ncalc',
              '%0acalc',
              '^&calc',
              '\u202ecalc',
              '<calc>',
            ];
            for (const text of hostile) {
              const { href } = flow.authorizationUrl(`https://as.example/${text}?x=${text}`, {
                login_hint: text,
              });
              assert.not.match(href, /["<>\s]|[^\x21-\x7e]/);
              assert.is(new URL(href).searchParams.get('login_hint'), text);
            }
          },
          create,
        ),
    ),
    check(
      browser,
      'opens https, and http on loopback, and nothing else',
      async ({ launchBrowser }) => {
        using programs = new Programs().add('xdg-open');
        await programs.found(async () => {
          for (const url of [
            'http://as.example/',
            'http://127.0.0.1.nip.io/',
            'javascript:alert(1)',
            'file:///etc/passwd',
            'data:text/html,x',
            'ms-settings:x',
            'ftp://127.0.0.1/',
          ])
            assert.is(await launchBrowser(new URL(url), process.env, still), false, `${url} is opened`);
          assert.equal(programs.noted(), []);
          for (const url of [
            'https://as.example/authorize?a=b',
            'https://192.0.2.1:8443/',
            'http://127.0.0.1:8080/',
            'http://localhost/authorize',
            'http://[::1]:1234/',
          ]) {
            assert.is(await launchBrowser(new URL(url), process.env, still), true, `${url} is not opened`);
            assert.equal(programs.noted(), ['xdg-open', url]);
          }
        });
      },
      [
        twin(
          'opens javascript: URLs',
          replacing({ isSecure }, (real) => (url) => url.protocol === 'javascript:' || real(url)),
          /javascript:alert\(1\) is opened/,
        ),
        twin(
          'opens http anywhere',
          replacing({ isSecure }, (real) => (url) => url.protocol === 'http:' || real(url)),
          /http:\/\/as\.example\/ is opened/,
        ),
        twin(
          'takes a name that begins like loopback for it',
          replacing({ isSecure }, (real) => (url) => url.hostname.startsWith('127.') || real(url)),
          /http:\/\/127\.0\.0\.1\.nip\.io\/ is opened/,
        ),
        twin(
          'opens nothing but loopback',
          replacing({ isSecure }, (real) => (url) => url.protocol === 'http:' && real(url)),
          /https:\/\/as\.example\/authorize\?a=b is not opened/,
        ),
        twin(
          'takes the brackets of an address for a part of it',
          replacing({ isSecure }, (real) => (url) => !url.hostname.startsWith('[') && real(url)),
          /http:\/\/\[::1\]:1234\/ is not opened/,
        ),
      ],
    ),
    check(
      browser,
      'starts no shell on Windows or in its Linux either, and nothing that lies where the process is',
      async ({ launchBrowser }) => {
        const shells = [
          'powershell.exe',
          'pwsh.exe',
          'cmd.exe',
          'xdg-open',
          'System32/WindowsPowerShell/v1.0/powershell.exe',
        ];
        for (const [where, program, env] of [
          ['Windows', 'System32/rundll32.exe', { platform: 'win32' }],
          ['its Linux', 'rundll32.exe', { WSL_DISTRO_NAME: 'Debian' }],
        ] as const) {
          using programs = new Programs();
          for (const shell of shells) programs.add(shell);
          // On Windows the first would be found by its name alone.
          programs.add('rundll32.exe').add(program);
          const { folder } = programs;
          await programs.found(
            async () => {
              assert.is(await launchBrowser(new URL(authorizeUrl), process.env, still), true, where);
              const { href } = new URL(authorizeUrl);
              assert.equal(programs.noted(), [program, 'url.dll,FileProtocolHandler', href], where);
            },
            { ...env, SystemRoot: folder, SYSTEMROOT: folder },
          );
        }
      },
      [
        twin(
          'asks Windows as it would ask Linux',
          edit(`if (platform === 'win32')`, `if (platform === ('' as string))`, 'login/browser.ts'),
          /Windows/,
        ),
        twin(
          'starts what is called so where the process is',
          edit(`join(env['SystemRoot'] ?? 'C:\\\\Windows', 'System32', 'rundll32.exe')`, `'rundll32.exe'`),
          /Windows/,
        ),
        twin('asks a shell to do it', edit(`detached: true }`, `detached: true, shell: true }`), /Windows/),
      ],
    ),
  ),

  requirement(
    'P-09',
    {
      demand: 'Report whether a browser was opened, without waiting until it is closed.',
      source: 'this product',
    },
    check(
      browser,
      'says that no browser was opened where the launcher has failed, and waits for none that goes on',
      async ({ launchBrowser }) => {
        using programs = new Programs();
        const url = new URL(authorizeUrl);
        const { scheduler, advance } = virtualTime();
        const opened = (): Promise<boolean> => launchBrowser(url, process.env, scheduler);
        programs.add('xdg-open', 'exit 3');
        await programs.found(async () => assert.is(await opened(), false, 'it has failed'));
        programs.add('xdg-open', 'kill -9 $$');
        await programs.found(async () => assert.is(await opened(), false, 'it was killed'));
        // A browser itself, which ends when its person closes it: here with its own file.
        programs.add('xdg-open', 'while [ -e "$0" ]; do sleep 0.1; done');
        programs.noted();
        await programs.found(async () => {
          const answer = opened();
          await assert.deadline(noted(programs), 'its start');
          advance(1_000);
          const waits = turns(20).then(() => 'it waits');
          assert.is(await Promise.race([answer, waits]), true, 'one that goes on');
        });
        rmSync(join(programs.folder, 'xdg-open'));
        await programs.found(async () => assert.is(await opened(), false, 'there is none'), {
          PATH: programs.folder,
        });
      },
      [
        twin(
          'takes a launcher that was started for a browser that was opened',
          edit(`exit as [code: number | null])[0] === 0`, `exit as [code: number | null])[0] !== undefined`),
          /it has failed/,
        ),
        twin(
          'waits until the browser is closed',
          edit(`timer(launchTimeoutMs, scheduler).pipe(map(() => true)),`, ''),
          /one that goes on/,
        ),
      ],
    ),
    check(
      browser,
      'opens the browser that BROWSER names before the one of the system',
      async ({ launchBrowser }) => {
        using programs = new Programs().add('xdg-open').add('host-browser');
        const url = new URL(authorizeUrl);
        const opens = async (BROWSER: string): Promise<string[]> => {
          await programs.found(async () =>
            assert.ok(await launchBrowser(url, { ...process.env, BROWSER }, still)),
          );
          return programs.noted();
        };
        assert.equal(await opens('host-browser --tab'), ['host-browser', '--tab', url.href], 'the one named');
        programs.add('host-browser', 'exit 1');
        assert.equal(
          await opens('no-such-program:host-browser'),
          ['host-browser', url.href, 'xdg-open', url.href],
          'each in turn',
        );
      },
      [
        twin(
          'knows only the browser of the system',
          edit(
            `[...browserCommands(env, url.href), systemBrowser(env, url.href)]`,
            `[systemBrowser(env, url.href)]`,
          ),
          /the one named/,
        ),
      ],
    ),
    check(
      environment,
      'gives a browser no variable of the command and none with a secret of it',
      ({ browserEnvironment }) => {
        const secret = 'secret-of-the-client';
        const kept = { DISPLAY: ':0', XDG_RUNTIME_DIR: '/run/user/1', PATH: '/usr/bin' };
        const withheld = { RX_OAUTH_CALLBACK_TOKEN: 'x', MY_SECRET: secret, HEADER: `Bearer ${secret}` };
        const given = browserEnvironment({ ...kept, ...withheld }, [secret]);
        assert.equal(Object.keys(given), Object.keys(kept));
      },
      [
        twin('gives it all', edit(`!name.toUpperCase().startsWith(prefix)`, `true`), /RX_OAUTH/),
        twin(
          'looks at names only',
          edit(`!given.some((secret) => holds(value, secret))`, `true`),
          /MY_SECRET/,
        ),
      ],
    ),
  ),
);
