import { createServer, type AddressInfo, type Server } from 'node:net';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { createOAuthCallbackServer, ListenError, PortInUseError } from '../../../src/index.ts';
import * as assert from '../../helpers/assert.ts';
import { navigation, send, visit } from '../../helpers/http.ts';
import { startProgram } from '../../helpers/program.ts';
import { RawSocket } from '../../helpers/raw.ts';
import { authorityOf, listening, redirectTo } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';

/** A socket of somebody else: `await using other = await hold();` */
async function hold(host = '127.0.0.1', port = 0) {
  const server: Server = createServer((socket) => sockets.add(socket));
  const sockets = new Set<{ destroy(): void }>();
  await once(server.listen({ port, host, ipv6Only: true }), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const refused = (address: string, port: number) =>
  assert.rejects(RawSocket.open({ address, port }), 'ECONNREFUSED');

const test = suite('listen');

test('E-01 binds loopback literals, and no other address of the machine', async () => {
  await using server = await listening();
  assert.equal([server.address.address, server.address.family], ['127.0.0.1', 'IPv4']);
  const others = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  for (const { address, internal, scopeid } of others) {
    if (!internal && !scopeid) await refused(address, server.address.port);
  }
  // The rest of 127.0.0.0/8 is loopback too, and not asked for.
  await refused('127.0.0.2', server.address.port);
});

test('E-02 advertises the literal that is bound', async () => {
  await using server = await listening();
  assert.is(server.redirectUri, `http://127.0.0.1:${server.address.port}/callback`);
});

test('E-02 holds [::1] on its free port too, so that no other program gets it', async () => {
  await using server = await listening();
  await assert.rejects(hold('::1', server.address.port), 'EADDRINUSE');
});

test('E-03 C-08 answers on [::1] too, and rejects redirects there whose flow was begun on 127.0.0.1', async () => {
  await using server = await listening();
  const { port } = server.address;
  const flow = await server.begin();
  const sent = { code: 'a', state: flow.state };
  assert.is((await visit(redirectTo(`http://[::1]:${port}/callback`, sent))).status, 400);
  assert.is((await visit(redirectTo(flow.redirectUri, sent))).status, 200);
});

test('E-03 listens on [::1] alone on request', async () => {
  await using server = await listening({ host: '::1' });
  const { address, family, port } = server.address;
  assert.equal([address, family, server.redirectUri], ['::1', 'IPv6', `http://[::1]:${port}/callback`]);
  assert.is(authorityOf(server.address), `[::1]:${port}`);
  await refused('127.0.0.1', port);
  const { state } = await server.begin();
  assert.is((await visit(redirectTo(server.redirectUri, { code: 'a', state }))).status, 200);
});

test('E-04 takes its port from the socket, in 200 starts at once', async () => {
  const servers = Array.from({ length: 200 }, () => createOAuthCallbackServer());
  try {
    await Promise.all(servers.map((server) => server.listen()));
    assert.is(new Set(servers.map(({ address }) => address.port)).size, 200);
  } finally {
    await Promise.all(servers.map((server) => server.close()));
  }
});

test('E-04 takes the port that it is given', async () => {
  const other = await hold();
  const { port } = other;
  await other[Symbol.asyncDispose]();
  await using server = await listening({ port });
  assert.is(server.address.port, port);
});

test('E-04 takes the first candidate that is free', async () => {
  await using one = await hold();
  await using other = await hold();
  await using server = await listening({ port: [one.port, other.port, 0] });
  assert.is([one.port, other.port, 0].includes(server.address.port), false);
});

test('E-04 tries many candidates without a warning', async () => {
  const warnings: Error[] = [];
  const heard = (warning: Error) => warnings.push(warning);
  process.on('warning', heard);
  const held = await Promise.all(Array.from({ length: 15 }, () => hold()));
  try {
    await using server = await listening({ port: [...held.map(({ port }) => port), 0] });
    assert.ok(server.address.port > 0);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(warnings, []);
  } finally {
    process.off('warning', heard);
    await Promise.all(held.map((other) => other[Symbol.asyncDispose]()));
  }
});

test('E-04 goes without [::1] if a given port is taken there, because no browser is sent to it', async () => {
  await using other = await hold('::1');
  await using server = await listening({ port: other.port });
  assert.is(server.redirectUri, `http://127.0.0.1:${other.port}/callback`);
});

test('E-06 lets no other program bind its port', async () => {
  await using server = await listening();
  const { port } = server.address;
  await assert.rejects(hold('127.0.0.1', port), 'EADDRINUSE');
  await assert.rejects(listening({ port }), PortInUseError);
});

test('E-04 names the busy port, and a server of ours in this process as its holder', async () => {
  await using holder = await listening();
  const { port } = holder.address;
  const error = await assert.rejects(listening({ port }), PortInUseError);
  assert.equal([error.port, error.host, error.holder], [port, '127.0.0.1', 'rx-oauth-callback']);
  assert.match(error.message, `port ${port} on 127.0.0.1 is in use by another rx-oauth-callback server`);
  assert.is((error.cause as NodeJS.ErrnoException).code, 'EADDRINUSE');
});

for (const [kind, holder] of [
  ['ours', 'rx-oauth-callback'],
  ['http', undefined],
  ['tcp', undefined],
] as const) {
  test(`E-04 names the busy port, and ${holder ?? 'nobody'} as its holder, for a process with ${kind}`, async () => {
    await using program = await startProgram('holder.ts', kind);
    const port = Number(program.line);
    const error = await assert.rejects(listening({ port }), PortInUseError);
    assert.equal([error.port, error.holder], [port, holder]);
    if (!holder) assert.match(error.message, 'in use by another process');
  });
}

test('asking who holds a port leaves a sign-in there alone', async () => {
  await using holder = await listening();
  const flow = await holder.begin();
  const redirects: unknown[] = [];
  holder.redirects.subscribe((redirect) => redirects.push(redirect));
  await assert.rejects(listening({ port: holder.address.port }), PortInUseError);
  assert.is(redirects.length, 0);
  assert.is((await visit(redirectTo(holder.redirectUri, { code: 'a', state: flow.state }))).status, 200);
});

test('releases every socket when it fails', async () => {
  await using other = await hold('::1');
  await assert.rejects(listening({ host: 'localhost', port: other.port }), PortInUseError);
  await refused('127.0.0.1', other.port);
});

test('listens when it is asked again, once the port is free', async () => {
  const other = await hold();
  await using server = createOAuthCallbackServer({ port: other.port });
  await assert.rejects(server.listen(), PortInUseError);
  await other[Symbol.asyncDispose]();
  await server.listen();
  assert.is(server.address.port, other.port);
});

test('rejects with ListenError for an address that this machine does not have', async () => {
  const server = createOAuthCallbackServer({
    host: '192.0.2.7',
    publicUrl: 'https://sign-in.example',
    binding: 'none',
  });
  const error = await assert.rejects(server.listen(), ListenError);
  assert.match(error.message, /^cannot listen on port 0 of 192\.0\.2\.7: [A-Z]+$/);
  await server.close();
});

test('E-08 listens on any address if a public URL is given, and advertises that URL', async () => {
  await using server = await listening({
    host: '0.0.0.0',
    publicUrl: 'https://sign-in.example/base',
    binding: 'none',
  });
  assert.is(server.redirectUri, 'https://sign-in.example/base/callback');
  const { state } = await server.begin();
  const url = redirectTo(`http://127.0.0.1:${server.address.port}/callback`, { code: 'a', state });
  assert.is((await send(url, { headers: { ...navigation, Host: '127.0.0.1' } })).status, 421);
  assert.is((await send(url, { headers: { ...navigation, Host: 'sign-in.example' } })).status, 200);
});

test.run();
