import { chmodSync, mkdtempSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBrowser } from '../../src/cli/browser.ts';
import { hasBrowser } from '../../src/cli/login/has-browser.ts';
import * as assert from '../helpers/assert.ts';
import { suite } from '../helpers/suite.ts';

const test = suite('the browser of login');

const nowhere = (): boolean => false;

test('is there on a desktop, and not over SSH, in a container or without a display', () => {
  for (const [env, platform, files, expected] of [
    [{}, 'darwin', [], true],
    [{}, 'win32', [], true],
    [{ DISPLAY: ':0' }, 'linux', [], true],
    [{ WAYLAND_DISPLAY: 'wayland-0' }, 'linux', [], true],
    [{ WSL_DISTRO_NAME: 'Debian' }, 'linux', [], true],
    [{}, 'linux', [], false],
    [{ DISPLAY: '' }, 'linux', [], false],
    [{ SSH_CONNECTION: '1 2 3 4' }, 'darwin', [], false],
    [{ SSH_TTY: '/dev/pts/0', DISPLAY: 'localhost:10.0' }, 'linux', [], false],
    [{ DISPLAY: ':0' }, 'linux', ['/.dockerenv'], false],
    [{ DISPLAY: ':0' }, 'linux', ['/run/.containerenv'], false],
  ] as const) {
    const exists = (path: unknown): boolean => files.some((file) => file === path);
    assert.is(hasBrowser(env, platform, files.length > 0 ? exists : nowhere), expected, JSON.stringify(env));
  }
});

/** With a browser that only leaves a mark; xdg-open is what Linux has. */
async function withMark(body: (mark: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'browser-'));
  const { PATH } = process.env;
  try {
    const mark = join(folder, 'mark');
    writeFileSync(join(folder, 'xdg-open'), `#!/bin/sh\n: > '${mark}'\n`);
    chmodSync(join(folder, 'xdg-open'), 0o755);
    process.env['PATH'] = `${folder}:${PATH ?? ''}`;
    await body(mark);
  } finally {
    process.env['PATH'] = PATH;
    rmSync(folder, { recursive: true, force: true });
  }
}

test('E-09 opens https, and http on loopback, and nothing else', () =>
  withMark(async (mark) => {
    for (const url of [
      'http://as.example/',
      'http://127.0.0.1.nip.io/',
      'javascript:alert(1)',
      'file:///etc/passwd',
      'data:text/html,x',
      'ms-settings:x',
      'ftp://127.0.0.1/',
    ]) {
      assert.is(await openBrowser(new URL(url)), false, url);
    }
    assert.not.ok(existsSync(mark));
  }));

test.run();
