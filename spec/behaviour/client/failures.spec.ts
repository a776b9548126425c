/** Errors that a program gets if its connection fails. */
import { createServer, get } from 'node:http';
import { firstValueFrom } from 'rxjs';
import { ConnectionError, connectCallbackHost } from '../../../src/client.ts';
import * as assert from '../../helpers/assert.ts';
import { token, withBridge } from '../../helpers/bridge.ts';
import { ServerClosedError } from '../../../src/index.ts';
import { hasty } from '../../helpers/clock.ts';
import { listenOnLoopback } from '../../helpers/loopback.ts';
import { RogueService } from '../../helpers/rogue-service.ts';
import { suite } from '../../helpers/suite.ts';

const monitorToken = 'a-monitor-of-the-specs';

const test = suite('a connection that fails');

async function failure(url: string, credential = token): Promise<ConnectionError> {
  return assert.rejects(connectCallbackHost(url, { token: credential }), ConnectionError);
}

test('names the error of the system if the service cannot be reached', async () => {
  const gone = await listenOnLoopback(createServer());
  await gone[Symbol.asyncDispose]();
  const url = gone.origin.replace('http', 'ws');
  const { message, code, status } = await failure(`${url}/bridge`);
  assert.equal(
    [message, code, status],
    [`${url} cannot be reached (ECONNREFUSED)`, 'connection_failed', undefined],
  );
  assert.match(
    (await failure('wss://no-such-host.invalid/bridge')).message,
    /^wss:\/\/no-such-host.invalid cannot be reached \(E\w+\)$/,
  );
});

test('says what is wrong with the token, and with the path', () =>
  withBridge(async ({ url }) => {
    const { origin } = new URL(url);
    assert.is(
      (await failure(url, 'another-token-of-the-specs')).message,
      `${origin} answered the handshake with 401: the token or ticket is unknown, used or expired`,
    );
    assert.match(
      (await failure(`${origin}/elsewhere`)).message,
      / with 404: there is no bridge at this path$/,
    );
  }));

test('P-29 says that a proxy in front is the likely reason if the handshake arrives without Upgrade', () =>
  withBridge(async ({ port }) => {
    // As nginx does it unless it is told to forward these.
    await using proxy = await listenOnLoopback(
      createServer().on('upgrade', ({ url = '', headers }, socket) => {
        const { connection, upgrade, ...kept } = headers;
        assert.equal([connection, upgrade], ['Upgrade', 'websocket']);
        get(
          { port, host: '127.0.0.1', path: url, headers: { ...kept, host: `127.0.0.1:${port}` } },
          (answer) => {
            answer.resume();
            socket.end(
              `HTTP/1.1 ${answer.statusCode} Status\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
            );
          },
        );
      }),
    );
    const { message, status } = await failure(`${proxy.origin.replace('http', 'ws')}/bridge`);
    assert.is(status, 426);
    assert.match(
      message,
      /a proxy in front of the service probably does not forward the headers Upgrade and Connection$/,
    );
  }));

test('P-29 names the role that a token must have to begin a flow', () =>
  withBridge(
    async ({ url }) => {
      await using host = await connectCallbackHost(url, { token: monitorToken });
      const error = await assert.rejects(host.begin(), ConnectionError);
      assert.is(
        error.message,
        `${new URL(url).origin}: to begin a flow, the credential must have the role listener; got monitor`,
      );
      assert.ok(host.connected, 'it watches on');
    },
    { tokens: [{ name: 'operator', token: monitorToken, roles: ['monitor'] }] },
  ));

test('tells a flow that waited why the connection has ended', async () => {
  await using service = await RogueService.open();
  const host = await connectCallbackHost(service.url, { token, scheduler: hasty });
  const begun = host.begin();
  await service.begins();
  const response = firstValueFrom((await begun).response);
  service.close(4401);
  const { message, cause } = await assert.rejects(response, ServerClosedError);
  assert.ok(cause instanceof ConnectionError);
  assert.match(message, /has ended: .* with 4401: the token or ticket has expired or was revoked$/);
});

test.run();
