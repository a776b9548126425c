/** A server on all addresses, as in a container: health probes and scrapers come by IP address. */
import { internalsOf } from '../../src/server/internals.ts';
import { takeRequests } from '../../src/http/routes.ts';
import { openOperatorPort } from '../../src/telemetry/port.ts';
import * as assert from '../helpers/assert.ts';
import { withServer } from '../helpers/endpoint.ts';
import { suite } from '../helpers/suite.ts';
import { visit as visitPort } from '../helpers/http.ts';

const publicUrl = 'https://sign-in.example';

const test = suite('a server on all addresses');

for (const host of ['0.0.0.0', '::'] as const) {
  test(`D-08 on ${host}, operator paths answer to an IP address with the bound port, and to no other name`, () =>
    withServer({ host, publicUrl, binding: 'none' }, async ({ server, port, visit }) => {
      takeRequests(internalsOf(server), '/readyz', (_request, response) => response.end('ready'));
      const statusOf = async (authority: string, path = '/readyz'): Promise<number> =>
        (await visit(path, { Host: authority })).status;
      for (const ours of [`10.1.2.3:${port}`, `127.0.0.1:${port}`, `[fd00::1]:${port}`, 'sign-in.example'])
        assert.is(await statusOf(ours), 200, ours);
      for (const foreign of [
        'evil.example',
        `evil.example:${port}`,
        `10.1.2.3:${port + 1}`,
        '10.1.2.3',
        `10.1.2.3.nip.io:${port}`,
        `0x7f.1:${port}`,
        `2130706433:${port}`,
      ])
        assert.is(await statusOf(foreign), 421, foreign);
      // The callback path compares the redirect URI exactly.
      const { state } = await server.begin();
      assert.is(await statusOf(`10.1.2.3:${port}`, `/callback?code=c&state=${state}`), 421);
      assert.is(await statusOf('sign-in.example', `/callback?code=c&state=${state}`), 200);
    }));
}

test('D-08 a server on loopback answers operators by its own addresses only', () =>
  withServer({}, async ({ server, port, visit }) => {
    takeRequests(internalsOf(server), '/readyz', (_request, response) => response.end('ready'));
    assert.is((await visit('/readyz', { Host: `127.0.0.1:${port}` })).status, 200);
    assert.is((await visit('/readyz', { Host: `10.1.2.3:${port}` })).status, 421);
  }));

test('D-08 a metrics port on all addresses answers to IP addresses and loopback names', async () => {
  const operated = { metrics: () => Promise.reject(new Error('none')), unready: () => undefined };
  for (const [host, others] of [
    ['0.0.0.0', 200],
    [undefined, 421],
  ] as const) {
    const operator = await openOperatorPort(0, operated, host);
    try {
      const { port } = operator.address;
      const statusOf = async (authority: string): Promise<number> =>
        (await visitPort(port, '/readyz', { Host: authority })).status;
      assert.is(await statusOf(`localhost:${port}`), 200);
      assert.is(await statusOf(`10.1.2.3:${port}`), others, String(host));
      assert.is(await statusOf(`evil.example:${port}`), 421);
    } finally {
      await operator.close();
    }
  }
});

test.run();
