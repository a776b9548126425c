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

test.run();
