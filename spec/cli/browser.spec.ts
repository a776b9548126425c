import { hostname, userInfo } from 'node:os';
import { hasBrowser } from '../../src/cli/login/has-browser.ts';
import { tunnelTo } from '../../src/cli/login/texts.ts';
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

test('of another machine reaches this one by its name, by how SSH came here, or by one that a container does not know', () => {
  const { username } = userInfo();
  const SSH_CONNECTION = '192.0.2.1 50000 192.0.2.2 2222';
  const address = { address: '127.0.0.1', family: 'IPv4', port: 8080 };
  const there = '-L 8080:127.0.0.1:8080';
  for (const [env, contained, named, command] of [
    [{}, false, false, `ssh -N ${there} ${username}@${hostname()}`],
    [{}, true, true, `ssh -N ${there} ${username}@HOST`],
    [{ SSH_CONNECTION }, true, false, `ssh -N ${there} -p 2222 ${username}@192.0.2.2`],
  ] as const) {
    const [advice, given] = tunnelTo(address, env, contained);
    assert.is(given, command);
    assert.is(advice.includes('HOST'), named, advice);
  }
});

test.run();
