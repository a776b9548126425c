/** I-04: what an operator asks for, on a port of its own; on the server's, see spec/conformance/operator.ts. */
import { createMetrics } from '../../../src/telemetry.ts';
import type { Operated } from '../../../src/telemetry/operator.ts';
import { openOperatorPort, type OperatorPort } from '../../../src/telemetry/port.ts';
import * as assert from '../../helpers/assert.ts';
import { withServer } from '../../helpers/endpoint.ts';
import { send } from '../../helpers/http.ts';
import { isRefused } from '../../helpers/sockets.ts';
import { suite } from '../../helpers/suite.ts';

const failing: Operated = {
  metrics: () => Promise.reject(new Error('a secret')),
  unready: () => 'draining',
};

async function withPort(operated: Operated, body: (port: OperatorPort) => Promise<void>): Promise<void> {
  const port = await openOperatorPort(0, operated);
  try {
    await body(port);
  } finally {
    await port.close();
  }
}

const test = suite('operator');

test('I-04 answers on a port of its own, on loopback', () =>
  withServer({}, async ({ server }) => {
    const metrics = createMetrics(server, { process: false });
    const operated = { metrics: () => Promise.resolve(metrics), unready: () => undefined };
    let number = 0;
    await withPort(operated, async ({ address: { address, port } }) => {
      number = port;
      assert.is(address, '127.0.0.1');
      const [health, ready, measured] = await Promise.all(
        ['/healthz', '/readyz', '/metrics?x=1'].map((target) => send(port, { target })),
      );
      assert.equal([health!.status, health!.body], [200, 'ok\n']);
      assert.equal([ready!.status, ready!.body], [200, 'ready\n']);
      assert.equal([measured!.status, measured!.headers['content-type']], [200, metrics.contentType]);
      assert.match(measured!.body, 'rx_oauth_callback_flows_pending 0\n');
      assert.is(measured!.headers['cache-control'], 'no-store');
      const head = await send(port, { target: '/metrics', method: 'HEAD' });
      assert.equal([head.status, head.body], [200, '']);
      assert.is((await send(port, { target: '/callback?code=a&state=b' })).status, 404);
    });
    assert.ok(await isRefused(number));
  }));

test('F-01 rejects a page that has rebound its name to loopback, and any other method', () =>
  withPort(failing, async ({ address: { port } }) => {
    for (const Host of ['evil.example', `127.0.0.1.nip.io:${port}`, '', 'localhost.evil.example', null])
      assert.ok([400, 421].includes((await send(port, { target: '/readyz', headers: { Host } })).status));
    for (const Host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`])
      assert.is((await send(port, { target: '/readyz', headers: { Host } })).status, 503);
    assert.is((await send(port, { target: '/readyz', method: 'POST' })).status, 405);
    assert.is((await send(port, { target: '*', method: 'GET' })).status, 421);
  }));

test('says that it is not ready and why, without details of a failure', () =>
  withPort(failing, async ({ address: { port } }) => {
    const ready = await send(port, { target: '/readyz' });
    assert.equal([ready.status, ready.body], [503, 'draining\n']);
    const metrics = await send(port, { target: '/metrics' });
    assert.equal([metrics.status, metrics.body], [500, 'failed\n']);
    assert.is((await send(port, { target: '/healthz' })).status, 200);
  }));

test.run();
