import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import type { ServerOptions } from '../../../src/index.ts';
import * as assert from '../../helpers/assert.ts';
import { observe, withServer, type Endpoint } from '../../helpers/endpoint.ts';
import { compose, navigation, readAnswer } from '../../helpers/http.ts';
import { dial } from '../../helpers/raw.ts';
import {
  closed,
  isRefused,
  serverBehind,
  SlowReader,
  withAccepted,
  type Accepted,
} from '../../helpers/sockets.ts';
import { suite } from '../../helpers/suite.ts';
import { certificate } from '../../helpers/tls.ts';

// More than the buffers of both ends hold.
const largePage = 'x'.repeat(16 * 1024 * 1024);

/** How a client reaches the server; `keepsHalf` never closes its half of a connection. */
interface Transport {
  name: string;
  options: ServerOptions;
  open: (port: number, keepsHalf?: boolean) => Promise<Socket>;
}

const plain: Transport = {
  name: 'over TCP',
  options: {},
  async open(port, keepsHalf = false) {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: keepsHalf });
    socket.on('error', () => undefined);
    await assert.deadline(once(socket, 'connect'), 'connecting');
    return socket;
  },
};

const secure: Transport = {
  name: 'over TLS',
  options: { tls: certificate },
  async open(port, keepsHalf = false) {
    // Node documents `allowHalfOpen` here too; its types do not.
    const how = {
      port,
      host: '127.0.0.1',
      ca: certificate.cert,
      allowHalfOpen: keepsHalf,
    };
    const socket = connectSecurely(how);
    socket.on('error', () => undefined);
    await assert.deadline(once(socket, 'secureConnect'), 'a TLS handshake');
    return socket;
  },
};

/** A server that would close for a minute, and the sockets that it accepts. */
function withConnections(
  options: ServerOptions,
  body: (endpoint: Endpoint, accepted: Accepted) => Promise<void>,
): Promise<void> {
  return withAccepted((accepted) =>
    withServer({ closeTimeout: 60_000, ...options }, (endpoint) => body(endpoint, accepted)),
  );
}

/** Which of them the server has given up. */
function ended({ sockets }: Accepted): boolean[] {
  return sockets.map(({ destroyed }) => destroyed);
}

/** Opens connections, and closes those of them that are still open, whatever happens. */
async function withOpened<T>(
  opening: readonly Promise<Socket>[],
  body: (sockets: Socket[]) => Promise<T>,
): Promise<T> {
  const sockets = await Promise.all(opening);
  try {
    return await body(sockets);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

/** A redirect of a flow of its own, over a connection that is kept. */
async function redirect({ server, port }: Endpoint): Promise<string> {
  const flow = await server.begin();
  observe(flow);
  const headers = { ...navigation, Connection: 'keep-alive' };
  return compose(port, { target: `/callback?code=x&state=${flow.state}`, headers });
}

const test = suite('connections');

for (const { name, options, open } of [plain, secure]) {
  test(`evicts the oldest idle connection for a new one, ${name}`, () =>
    withConnections(
      { ...options, limits: { connections: 3 }, settle: 60_000 },
      async (endpoint, accepted) => {
        const { port, redirects } = endpoint;
        const busy = await open(port);
        await withOpened([Promise.resolve(busy)], async () => {
          const answer = readAnswer(busy);
          // Awaited in the end; what fails before must not be hidden by it.
          answer.catch(() => undefined);
          busy.write(await redirect(endpoint));
          await withOpened([open(port)], async ([first]) =>
            withOpened([open(port)], async ([second]) =>
              withOpened([open(port)], async ([third]) => {
                await closed(first!);
                assert.equal(ended(accepted), [false, true, false, false]);
                await withOpened([open(port)], () => closed(second!));
                assert.is(third!.destroyed, false);
              }),
            ),
          );
          assert.is(redirects.length, 1);
          // Its page was waited for all the time.
          await endpoint.server.close();
          assert.is((await answer).status, 200);
        });
      },
    ));

  test(`a body that arrives slowly does not keep a connection, ${name}`, () =>
    withConnections({ ...options, limits: { connections: 3 } }, async ({ server, port }, accepted) => {
      await server.begin({ responseMode: 'form_post' });
      const headers = { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': '1000' };
      const start = compose(port, { method: 'POST', target: '/callback', headers, body: 'code=' });
      const some = Array.from({ length: 10 }, async () => {
        const socket = await open(port);
        socket.write(start);
        return socket;
      });
      await withOpened(some, async (sockets) => {
        await accepted.reach(10);
        await Promise.all(accepted.sockets.slice(0, 7).map((socket) => closed(socket)));
        assert.is(ended(accepted).filter((over) => !over).length, 3);
        await server.close();
        await Promise.all(sockets.map((socket) => closed(socket)));
      });
    }));

  test(`close waits until a slow reader has its whole page, ${name}`, () =>
    withConnections(
      {
        ...options,
        limits: { keepAliveTimeout: 60_000 },
        cleanUrl: false,
        render: ({ kind }) => (kind === 'success' ? largePage : kind),
      },
      async (endpoint) => {
        const { server, port } = endpoint;
        // Another sign-in is pending, so that the connection would be kept.
        await server.begin();
        const reader = await SlowReader.start(await open(port), await redirect(endpoint));
        try {
          let done = false;
          const closing = server.close().then(() => (done = true));
          assert.ok(await isRefused(port));
          assert.not.ok(done);
          assert.is(await reader.toEnd(), largePage.length);
          await assert.deadline(closing, 'close()');
        } finally {
          reader.destroy();
        }
      },
    ));

  test(`close cuts off a reader that never reads, after closeTimeout, ${name}`, () =>
    withConnections(
      { ...options, closeTimeout: 50, render: ({ kind }) => (kind === 'success' ? largePage : kind) },
      async (endpoint, accepted) => {
        const reader = await SlowReader.start(await open(endpoint.port), await redirect(endpoint));
        try {
          await assert.deadline(endpoint.server.close(), 'close()');
          assert.equal(ended(accepted), [true]);
        } finally {
          reader.destroy();
        }
      },
    ));

  test(`close waits for no connection without a page, ${name}`, () =>
    withConnections({ ...options, limits: { keepAliveTimeout: 60_000 } }, async (endpoint, accepted) => {
      const { server, port } = endpoint;
      await server.begin();
      const kept = compose(port, { target: '/', headers: { Connection: 'keep-alive' } });
      const openings = ['', 'G', 'GET / HTTP/1.1\r\nHost:', kept, await redirect(endpoint)];
      const all = [false, true].flatMap((keepsHalf) =>
        openings.map(async (opening) => {
          const socket = await open(port, keepsHalf);
          socket.write(opening);
          return socket;
        }),
      );
      await withOpened(all, async (sockets) => {
        // All answers have come; and some peers have said that they will send no more.
        await Promise.all([3, 8].map((index) => readAnswer(sockets[index]!)));
        for (const index of [0, 5]) sockets[index]!.end();
        await accepted.reach(sockets.length);
        await assert.deadline(server.close(), 'close()');
        assert.not.ok(ended(accepted).includes(false));
      });
    }));

  test(`close waits for no upgraded connection, ${name}`, () =>
    withConnections(options, async ({ server, port }, accepted) => {
      await server.begin();
      const ask = async (): Promise<unknown> =>
        withOpened([open(port)], ([socket]) => {
          socket!.write(compose(port, { target: '/' }));
          return readAnswer(socket!);
        });
      const http = await serverBehind(ask);
      http.on('upgrade', (_request, socket: Socket) => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nContent-Length: 0\r\n\r\n');
      });
      await withOpened([open(port), open(port, true)], async (sockets) => {
        const headers = { Connection: 'Upgrade', Upgrade: 'x' };
        for (const socket of sockets) {
          socket.write(compose(port, { target: '/', headers }));
          assert.is((await readAnswer(socket)).status, 101);
        }
        await assert.deadline(server.close(), 'close()');
        assert.not.ok(ended(accepted).includes(false));
      });
    }));

  test(`a peer that keeps its half of a rejected connection open keeps none of ours, ${name}`, () =>
    withConnections(
      { ...options, limits: { headersTimeout: 200, requestTimeout: 400 } },
      async ({ server, port }, accepted) => {
        await server.begin();
        const openings = [
          '',
          'G',
          'FOO / HTTP/1.1\r\n\r\n',
          'GET / HTTP/1.1\nHost: x\n\n',
          `${'x'.repeat(20_000)}\r\n`,
        ];
        const all = openings.map(async (opening) => {
          const socket = await open(port, true);
          socket.write(opening);
          return socket.resume();
        });
        await withOpened(all, async () => {
          await accepted.reach(openings.length);
          for (const [index, socket] of accepted.sockets.entries())
            await closed(socket, `the end of connection ${index}`);
        });
      },
    ));
}

test('a TLS handshake that is invalid, or never ends, keeps no connection', () =>
  withConnections({ ...secure.options, limits: { headersTimeout: 200 } }, async ({ port }, accepted) => {
    // A ClientHello that breaks off; HTTP without TLS.
    const openings = ['', '\x16\x03\x01', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'];
    const all = [false, true].flatMap((keepsHalf) =>
      openings.map(async (opening) => {
        const socket = await plain.open(port, keepsHalf);
        socket.write(Buffer.from(opening, 'latin1'));
        return socket.resume();
      }),
    );
    await withOpened(all, async () => {
      await accepted.reach(6);
      for (const [index, socket] of accepted.sockets.entries())
        await closed(socket, `the end of connection ${index}`);
    });
  }));

test('a second close ends with the first', () =>
  withConnections({}, async ({ server, port }) => {
    await withOpened([dial(port)], async () => {
      await assert.deadline(Promise.all([server.close(), server.close()]), 'close()');
      await server.close();
      assert.ok(await isRefused(port));
    });
  }));

test.run();
