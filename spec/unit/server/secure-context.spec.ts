import { connect } from 'node:tls';
import { once } from 'node:events';
import { createOAuthCallbackServer, InvalidOptionError, NotListeningError } from '../../../src/index.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';
import { selfSigned } from '../../browser/certificate.ts';

const test = suite('server.setSecureContext and server.pending');

test('gives new connections the new certificate', async () => {
  const [before, after] = [selfSigned(), selfSigned()];
  await using server = createOAuthCallbackServer({ host: '127.0.0.1', tls: before });
  await server.listen();
  const served = async (): Promise<string> => {
    const socket = connect({ port: server.address.port, host: '127.0.0.1', rejectUnauthorized: false });
    try {
      await assert.deadline(once(socket, 'secureConnect'), 'a TLS handshake');
      return socket.getPeerCertificate().fingerprint256;
    } finally {
      socket.destroy();
    }
  };
  const first = await served();
  server.setSecureContext(after);
  assert.is.not(await served(), first);
});

test('refuses a certificate for a server without TLS of its own, and before listen()', async () => {
  await using server = createOAuthCallbackServer();
  assert.throws(() => server.setSecureContext({}), NotListeningError);
  await server.listen();
  assert.is(assert.throws(() => server.setSecureContext({}), InvalidOptionError).option, 'tls');
});

test('counts the flows that wait', async () => {
  await using server = createOAuthCallbackServer();
  await server.listen();
  const counts = [server.pending];
  const flow = await server.begin();
  counts.push(server.pending);
  flow.cancel();
  counts.push(server.pending);
  assert.equal(counts, [0, 1, 0]);
});

test.run();
