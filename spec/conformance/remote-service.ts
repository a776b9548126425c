import { createServer, get } from 'node:http';
import { EMPTY } from 'rxjs';
import type { CallbackHost, Flow } from '../../src/index.ts';
import * as assert from '../helpers/assert.ts';
import { shake, token, withBridge } from '../helpers/bridge.ts';
import { listenOnLoopback } from '../helpers/loopback.ts';
import { edit } from '../helpers/weakened.ts';
import { bridge, check, exportsOf, requirement, requirementsOn, twin } from './requirement.ts';

const client = exportsOf<typeof import('../../src/client.ts')>('client.ts');

const hosting = exportsOf<typeof import('../../src/cli/login/service-host.ts')>('cli/login/service-host.ts');

/** A host of a service that names these redirect URIs. */
const naming = (redirectUri: string, ofFlow: string): CallbackHost => ({
  redirectUri,
  events: EMPTY,
  begin: () => Promise.resolve({ redirectUri: ofFlow } as Partial<Flow> as Flow),
  close: () => Promise.resolve(),
});

export const requirements = requirementsOn(
  'Remote services of the command',
  requirement(
    'P-23',
    {
      demand: 'Send a sign-in through a service only to a redirect URI that this service may name.',
      source: 'SECURITY.md',
      provenIn: ['cli/hostile-service.spec.ts'],
    },
    check(
      hosting,
      'a service may name https, and http on loopback if its bridge is there, and one server only',
      async ({ serviceHost }) => {
        const outcome = async (bridge: string, uri: string, ofFlow = uri): Promise<string> => {
          try {
            return (await serviceHost(naming(uri, ofFlow), bridge).begin()).redirectUri;
          } catch (error) {
            return (error as Error).message;
          }
        };
        const remote = 'wss://sign-in.example/bridge';
        const local = 'ws://127.0.0.1:8080/bridge';
        const named = 'https://sign-in.example/callback';
        const here = 'http://127.0.0.1:8080/callback';
        for (const [bridge, uri, ofFlow] of [
          [remote, named],
          [remote, named, `${named}/of/a/context`],
          [remote, 'https://public.example/callback'],
          [local, named],
          [local, here],
          [local, 'http://[::1]:8080/callback'],
          ['ws://localhost:8080/bridge', here],
        ] as const)
          assert.is(await outcome(bridge, uri, ofFlow), ofFlow ?? uri);
        for (const [what, bridge, uri, ofFlow] of [
          ['http', remote, 'http://sign-in.example/callback'],
          ['loopback, from elsewhere', remote, here],
          ['http, from loopback', local, 'http://10.0.0.1/callback'],
          ['another scheme', remote, 'javascript:alert(1)'],
          ['text', remote, 'callback'],
          ['escapes', remote, `${named}\u001b]0;PWNED\u0007`],
          ['a line', remote, `${named}\nrx-oauth-callback: ended`],
          ['other letters', remote, `${named}/\u202e`],
          ['a password', remote, 'https://user:secret@sign-in.example/callback'],
          ['a fragment', remote, `${named}#part`],
          ['another server for a flow', remote, named, 'https://intranet.example/callback'],
          ['this machine for a flow', local, named, here],
          ['another port for a flow', local, here, 'http://127.0.0.1:22/callback'],
        ] as const) {
          const message = await outcome(bridge, uri, ofFlow);
          assert.match(message, 'gave a redirect URI that is not valid', `it names ${what}`);
          assert.not.match(message, /PWNED|ended|secret|intranet/, `the error for ${what}`);
        }
      },
      [
        twin(
          'takes any scheme',
          edit(`!url || !isSecure(url) || url.username || url`, `!url || url.username || url`),
          /it names http\b/,
        ),
        twin(
          'takes loopback from any service',
          edit(
            `return url.protocol === 'https:' || isLoopback(new URL(bridgeUrl).hostname);`,
            `return true;`,
          ),
          /it names loopback, from elsewhere/,
        ),
        twin('takes what is no URI', edit(`withoutSpace.test(given) && `, ''), /it names escapes/),
        twin(
          'goes wherever a flow is sent',
          edit(
            `redirectUrlOf(flow.redirectUri, bridge).origin !== own.origin`,
            `!redirectUrlOf(flow.redirectUri, bridge)`,
          ),
          /it names another server for a flow/,
        ),
      ],
    ),
  ),

  requirement(
    'P-29',
    {
      demand: 'Name the role that a credential lacks, and the proxy if it is the likely cause.',
      source: 'docs/guides/troubleshooting.md',
      provenIn: ['client/failures.spec.ts'],
    },
    check(
      client,
      'a flow that a monitor begins fails with the role that it needs, and the connection stays',
      ({ connectCallbackHost }) =>
        withBridge(
          async ({ url }) => {
            await using host = await connectCallbackHost(url, { token, report: () => undefined });
            const error = await assert.rejects(host.begin(), Error);
            assert.match(error.message, 'must have the role listener; got monitor', 'the error');
            assert.ok(host.connected, 'the connection is lost');
          },
          { tokens: [{ name: 'operator', token, roles: ['monitor'] }] },
        ),
      [
        twin(
          'leaves it to the service to close the connection',
          edit(`if (this.#roles.includes('listener')) return;`, `if (this.#roles) return;`),
          /the error/,
        ),
      ],
      { also: ['B20'] },
    ),
    check(
      client,
      'a handshake that arrives without Upgrade fails with the proxy as the likely cause',
      ({ connectCallbackHost }) =>
        withBridge(async ({ port }) => {
          // Forwards the request and not these headers, as nginx does by itself.
          const proxy = createServer().on('upgrade', ({ url = '', headers }, socket) => {
            const { connection, upgrade, ...kept } = headers;
            assert.equal([connection, upgrade], ['Upgrade', 'websocket']);
            const request = { port, host: '127.0.0.1', path: url };
            get({ ...request, headers: { ...kept, host: `127.0.0.1:${port}` } }, (answer) => {
              answer.resume();
              socket.end(`HTTP/1.1 ${answer.statusCode} Status\r\nContent-Length: 0\r\n\r\n`);
            });
          });
          await using open = await listenOnLoopback(proxy);
          const connecting = connectCallbackHost(`${open.origin.replace('http', 'ws')}/bridge`, { token });
          const { message } = await assert.rejects(connecting, Error);
          assert.match(message, / 426: .*a proxy .* does not forward the headers Upgrade/, 'the error');
        }),
      [
        twin(
          'gives the status only',
          edit('`the handshake arrived without Upgrade; ${proxy}`', '`the handshake failed`'),
          /the error/,
        ),
      ],
      { also: ['B20'] },
    ),
    check(
      bridge,
      'a handshake without Upgrade is answered 426, which no wrong path is',
      (create) =>
        withBridge(
          async ({ port }) => {
            const { status } = await shake(port, { Connection: null, Upgrade: null });
            assert.is(status, 426, `it is answered ${status}`);
          },
          {},
          {},
          create,
        ),
      [
        twin(
          'answers it as a path that does not exist',
          edit(
            `method === 'GET' && headers['sec-websocket-key']`,
            `method === '' && headers['sec-websocket-key']`,
          ),
          /it is answered 404/,
        ),
      ],
      { also: ['B20', 'W7'] },
    ),
  ),
);
