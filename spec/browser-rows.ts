/** How the commands open a browser, each as a check of one module, as command-rows.ts has them. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { CommandRow } from './command-rows.ts';
import * as assert from './helpers/assert.ts';

type BrowserRow = CommandRow<typeof import('../src/cli/browser.ts')>;

// What a shell would take for something other than text.
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

  /** Runs the body where these are found before others; where Linux has `xdg-open`, that asks for BROWSER if it is another. */
  found(
    body: () => Promise<void>,
    { platform = 'linux', ...env }: Record<string, string> = {},
  ): Promise<void> {
    const PATH = `${this.folder}:${process.env['PATH'] ?? ''}`;
    const BROWSER = join(this.folder, 'xdg-open');
    return under({ PATH, BROWSER, WSL_DISTRO_NAME: '', ...env }, platform, body);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const opensTheWebOnly: BrowserRow = {
  title: 'E-09 opens https, and http on loopback, and nothing else',
  module: 'cli/browser.ts',
  check: async ({ openBrowser }) => {
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
        assert.is(await openBrowser(new URL(url)), false, `${url} is opened`);
      assert.equal(programs.noted(), []);
      for (const url of [
        'https://as.example/authorize?a=b',
        'https://192.0.2.1:8443/',
        'http://127.0.0.1:8080/',
        'http://localhost/authorize',
        'http://[::1]:1234/',
      ]) {
        assert.is(await openBrowser(new URL(url)), true, `${url} is not opened`);
        assert.equal(programs.noted(), ['xdg-open', url]);
      }
    });
  },
};

const tellsWhetherItOpened: BrowserRow = {
  title: 'says that no browser was opened where the launcher has failed, and waits for none that goes on',
  module: 'cli/browser.ts',
  check: async ({ openBrowser }) => {
    using programs = new Programs();
    const url = new URL(authorizeUrl);
    const opened = (): Promise<boolean> => openBrowser(url);
    programs.add('xdg-open', 'exit 3');
    await programs.found(async () => assert.is(await opened(), false, 'it has failed'));
    programs.add('xdg-open', 'kill -9 $$');
    await programs.found(async () => assert.is(await opened(), false, 'it was killed'));
    // A browser itself, which ends when its person closes it: here with its own file.
    programs.add('xdg-open', 'while [ -e "$0" ]; do sleep 0.1; done');
    await programs.found(async () => {
      assert.is(await assert.deadline(opened(), 10_000, 'one that goes on'), true, 'it goes on');
    });
    rmSync(join(programs.folder, 'xdg-open'));
    await programs.found(async () => assert.is(await opened(), false, 'there is none'), {
      PATH: programs.folder,
    });
  },
};

const startsNoShell: BrowserRow = {
  title: 'E-09 starts no shell on Windows or in its Linux either, and nothing that lies where the process is',
  module: 'cli/browser.ts',
  check: async ({ openBrowser }) => {
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
          assert.is(await openBrowser(new URL(authorizeUrl)), true, where);
          const { href } = new URL(authorizeUrl);
          assert.equal(programs.noted(), [program, 'url.dll,FileProtocolHandler', href], where);
        },
        { ...env, SystemRoot: folder, SYSTEMROOT: folder },
      );
    }
  },
};

/** Each is checked with what its own module exports. */
export const browserRows = {
  opensTheWebOnly,
  tellsWhetherItOpened,
  startsNoShell,
} satisfies Record<string, CommandRow>;
