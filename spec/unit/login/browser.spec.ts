import { hostname, userInfo } from 'node:os';
import { browserEnvironment } from '../../../src/login/browser-environment.ts';
import { browserCommands } from '../../../src/login/browser-variable.ts';
import { hasBrowser } from '../../../src/login/browser.ts';
import { tunnelTo } from '../../../src/cli/login/texts.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

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
    [{ BROWSER: '/opt/open-on-host' }, 'linux', ['/.dockerenv'], true],
    [{ BROWSER: '/opt/open-on-host', SSH_CONNECTION: '1 2 3 4' }, 'linux', [], true],
    [{ BROWSER: 'wslview', WSL_DISTRO_NAME: 'Debian' }, 'linux', [], true],
    [{ BROWSER: '' }, 'linux', [], false],
    [{ BROWSER: 'w3m:/usr/bin/lynx' }, 'linux', [], false],
    [{ BROWSER: 'w3m', DISPLAY: ':0' }, 'linux', [], true],
    [{ BROWSER: 'lynx:firefox', SSH_TTY: '/dev/pts/0' }, 'linux', [], true],
    [{ BROWSER: 'none', DISPLAY: ':0' }, 'linux', [], false],
    [{ BROWSER: 'None' }, 'darwin', [], false],
  ] as const) {
    const exists = (path: unknown): boolean => files.some((file) => file === path);
    assert.is(hasBrowser(env, platform, files.length > 0 ? exists : nowhere), expected, JSON.stringify(env));
  }
});

test('is the one that BROWSER names, with the URL where it says', () => {
  const url = 'https://as.example/?a=$(id)';
  for (const [BROWSER, expected] of [
    ['firefox', [['firefox', url]]],
    ['firefox --new-tab', [['firefox', '--new-tab', url]]],
    ['open-it --url=%s --load=50%%', [['open-it', `--url=${url}`, '--load=50%']]],
    ['show %%s', [['show', '%s', url]]],
    [
      'first : second -x',
      [
        ['first', url],
        ['second', '-x', url],
      ],
    ],
    ['/opt/with space/open', [['/opt/with space/open', url]]],
    ['C:\\Programs\\browser.exe', [['C:\\Programs\\browser.exe', url]]],
    ['lynx:none', []],
    ['', []],
  ] as const) {
    const exists = (path: unknown): boolean => path === '/opt/with space/open';
    assert.equal(browserCommands({ BROWSER }, url, exists), expected, BROWSER);
  }
});

test('does not get what this command was told in secret', () => {
  const secret = 'secret-of-the-client';
  const kept = {
    DISPLAY: ':0',
    WAYLAND_DISPLAY: 'wayland-0',
    XDG_RUNTIME_DIR: '/run/user/1',
    DBUS_SESSION_BUS_ADDRESS: 'unix:path=/run/user/1/bus',
    PATH: '/usr/bin',
    RX_OAUTH: 'x',
  };
  const withheld = {
    RX_OAUTH_CALLBACK_TOKEN: 'x',
    RX_OAUTH_CALLBACK_SOMETHING_NEW: 'x',
    rx_oauth_callback_token: 'x',
    MY_SECRET: secret,
    HEADER: `Bearer ${secret}`,
  };
  assert.equal(browserEnvironment({ ...kept, ...withheld }, [undefined, '', secret, ':']), kept);
});

test('of another machine reaches this one by its name, by the address of the SSH connection, or by HOST in a container', () => {
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
