import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createNetServer, Server as NetServer } from 'node:net';
import { promisify } from 'node:util';
import { firstValueFrom, lastValueFrom, Subscription, VirtualTimeScheduler } from 'rxjs';
import {
  callbackServer,
  FlowCancelledError,
  FlowExpiredError,
  InvalidOptionError,
  NotListeningError,
  type OAuthCallbackServer,
  PortInUseError,
  ServerClosedError,
  type ServerOptions,
} from '../../src/index.ts';
import { isLocalhost, isLoopback } from '../../src/base/loopback.ts';
import * as assert from '../helpers/assert.ts';
import { type Create, observe, withServer } from '../helpers/endpoint.ts';
import { compose, navigation, visit, type HttpAnswer } from '../helpers/http.ts';
import { startIssuer } from '../helpers/issuer.ts';
import { clientId } from '../helpers/provider.ts';
import { dial } from '../helpers/raw.ts';
import { certificate } from '../helpers/tls.ts';
import { addressesAt, hold, isRefused, SlowReader } from '../helpers/sockets.ts';
import { Watched } from '../helpers/watched.ts';
import { delivers, response, signIn, target } from './sign-in.ts';
import { edit, replacing } from '../helpers/weakened.ts';
import { check, exportsOf, requirement, requirementsOn, server, twin } from './requirement.ts';

const signingIn = exportsOf<typeof import('../../src/login/sign-in.ts')>('login/sign-in.ts');

// More than the buffers of both ends hold, so that a page is in flight for as long as its reader likes.
const largePage = 'x'.repeat(16 * 1024 * 1024);

/** Has another server of this process listen, which ends every connection. */
async function occupy(host: string, port: number): Promise<{ release: () => Promise<unknown> }> {
  const other = createNetServer((socket) => socket.destroy());
  await once(other.listen({ host, port, ipv6Only: true }), 'listening');
  return {
    release: () => {
      const closed = once(other, 'close');
      other.close();
      return closed;
    },
  };
}

/** A port on which nobody listens right now. */
function freePort(create: Create): Promise<number> {
  return withServer({}, ({ port }) => Promise.resolve(port), create);
}

/** Runs `body` while the system refuses to listen where `codeFor` gives a code. */
async function refusing<T>(
  codeFor: (host?: string) => string | undefined,
  body: () => Promise<T>,
): Promise<T> {
  const listen = Reflect.get(NetServer.prototype, 'listen') as (...given: unknown[]) => NetServer;
  const stub = function (this: NetServer, ...given: unknown[]): NetServer {
    const [{ host }] = given as [{ host?: string }];
    const code = codeFor(host);
    if (code === undefined) return Reflect.apply(listen, this, given);
    queueMicrotask(() => this.emit('error', Object.assign(new Error(code), { code, address: host })));
    return this;
  };
  Object.assign(NetServer.prototype, { listen: stub });
  try {
    return await body();
  } finally {
    Object.assign(NetServer.prototype, { listen });
  }
}

/** A machine without IPv4. */
const onlyIPv6 = (host?: string): string | undefined => (host === '127.0.0.1' ? 'EADDRNOTAVAIL' : undefined);

/** A sign-in over one literal, as a browser would end it whose `Host` is `authority`. */
function visitAt(host: string, port: number, authority: string, path: string): Promise<HttpAnswer> {
  const literal = host.includes(':') ? `[${host}]` : host;
  return visit(`http://${literal}:${port}`, path, { Host: authority });
}

/** Starts many servers at once and closes them; gives the ports they had. */
async function startTogether(count: number, create: Create): Promise<number[]> {
  const servers = Array.from({ length: count }, () => create());
  try {
    await Promise.all(servers.map((server) => server.listen()));
    return servers.map(({ address }) => address.port);
  } finally {
    await Promise.all(servers.map((server) => server.close()));
  }
}

/** A server of `callbackServer`, which runs until its subscription ends. */
async function subscribed(): Promise<{ server: OAuthCallbackServer; subscription: Subscription }> {
  let subscription = new Subscription();
  const server = await new Promise<OAuthCallbackServer>((resolve, reject) => {
    subscription = callbackServer().subscribe({ next: resolve, error: reject });
  });
  return { server, subscription };
}

/** How a flow ended that got no response. */
function ended({ errors, responses }: ReturnType<typeof observe>): unknown {
  assert.is(responses.length, 0);
  assert.is(errors.length, 1);
  return errors[0];
}

export const requirements = requirementsOn(
  'The loopback listener',
  requirement(
    'E-01',
    {
      demand: 'Listen on loopback literals only, unless told otherwise.',
      source: 'RFC 8252 section 8.3; OAuth 2.1 section 8.5.4',
      scope: 'loopback',
    },
    check(server, 'listens on the loopback literals only', async (create) => {
      const fixed = await freePort(create);
      const defaults: readonly ServerOptions[] = [{}, { port: 0 }, { port: fixed }, { port: [fixed, 0] }];
      for (const options of defaults)
        await withServer(
          options,
          async ({ server, port }) => {
            assert.is(server.address.address, '127.0.0.1');
            // The rest of 127.0.0.0/8 is this machine too, so whoever binds every address answers there.
            if (process.platform === 'linux')
              assert.ok(await isRefused(port, '127.0.0.2'), 'answers at 127.0.0.2');
            const others = addressesAt(port)?.filter(
              (address) => address !== '127.0.0.1' && address !== '::1',
            );
            assert.equal(others ?? [], [], 'listens elsewhere');
          },
          create,
        );
      await withServer(
        { host: '127.0.0.1' },
        async ({ port }) => assert.ok(await isRefused(port, '::1'), 'answers at ::1'),
        create,
      );
    }),
  ),

  requirement(
    'E-02',
    {
      demand: 'Advertise the literal that is bound; for localhost, hold both families or fail to start.',
      source: 'RFC 8252 sections 7.3 and 8.3',
      scope: 'loopback',
    },
    check(server, 'advertises the literal that it holds', async (create) => {
      await withServer(
        {},
        async (endpoint) => {
          const { server, port } = endpoint;
          assert.is(server.redirectUri, `http://127.0.0.1:${port}/callback`);
          await delivers(endpoint, await signIn(server));
        },
        create,
      );
      // Without `localhost` in it, a literal leads here whoever holds the other one.
      const other = await hold({ host: '::1' });
      try {
        await withServer(
          { port: other.port },
          async (endpoint) => {
            assert.is(endpoint.server.redirectUri, `http://127.0.0.1:${other.port}/callback`);
            await delivers(endpoint, await signIn(endpoint.server));
          },
          create,
        );
      } finally {
        await other.release();
      }
    }),
    check(
      server,
      'holds both families for localhost, or does not start',
      async (create) => {
        await withServer(
          { host: 'localhost' },
          async ({ server, port }) => {
            assert.is(server.redirectUri, `http://localhost:${port}/callback`);
            for (const host of ['127.0.0.1', '::1']) {
              const { flow, seen } = await signIn(server);
              const answer = await visitAt(host, port, `localhost:${port}`, target(flow, response(flow)));
              assert.is(answer.status, 200, `at ${host}`);
              assert.is(seen.responses.length, 1, `at ${host}`);
            }
          },
          create,
        );
        for (const host of ['127.0.0.1', '::1']) {
          const other = await hold({ host });
          const server = create({ host: 'localhost', port: other.port });
          try {
            const error = await assert.rejects(() => server.listen(), PortInUseError);
            assert.is(error.host, host);
            assert.is((error.cause as NodeJS.ErrnoException).code, 'EADDRINUSE');
            const free = host === '::1' ? '127.0.0.1' : '::1';
            assert.ok(await isRefused(other.port, free), `${free} is left open`);
          } finally {
            await server.close();
            await other.release();
          }
        }
      },
      [
        twin(
          'advertises localhost while it holds one family',
          edit(`const needsBoth = host === 'localhost' ||`, `const needsBoth =`),
          /Expected promise to reject/,
        ),
      ],
    ),
    check(
      server,
      'holds both families if its public URL is localhost at its own port, or does not start',
      async (create) => {
        const hosts = [undefined, 'localhost', '127.0.0.1', '::1', '0.0.0.0', '::'] as const;
        const port = await freePort(create);
        const secure = { tls: certificate, publicUrl: `https://app.localhost:${port}` };
        for (const each of [{ publicUrl: `http://localhost:${port}` }, secure])
          for (const host of hosts) {
            const options = { ...each, port, ...(host !== undefined && { host }) };
            const what = `${each.publicUrl}, host ${host ?? 'left out'}`;
            await withServer(
              options,
              async ({ server }) => {
                assert.is(server.redirectUri, `${each.publicUrl}/callback`);
                for (const address of ['127.0.0.1', '::1'])
                  assert.not.ok(await isRefused(port, address), `${what}: ${address} is left to others`);
              },
              create,
            );
            for (const held of ['127.0.0.1', '::1']) {
              const other = await occupy(held, port);
              const server = create(options);
              try {
                const listening = server.listen().then(
                  () => 'starts',
                  (error: unknown) => (error as PortInUseError).code,
                );
                assert.is(
                  await listening,
                  'port_in_use',
                  `${what}: starts while another process has ${held}`,
                );
                const others = held === '::1' ? '127.0.0.1' : '::1';
                assert.ok(await isRefused(port, others), `${what}: ${others} is left open`);
              } finally {
                await server.close();
                await other.release();
              }
            }
          }
      },
      [
        twin(
          'holds 127.0.0.1 only, behind localhost',
          edit(`(name !== undefined && isLocalhost(name))`, 'false'),
          /host left out: starts while another process has ::1/,
        ),
        twin(
          'knows one spelling of localhost',
          replacing({ isLocalhost }, () => (name) => name === 'localhost'),
          /app\.localhost:\d+, host left out: starts while another process has ::1/,
        ),
        twin(
          'holds the host alone that it is given',
          edit(`const other = needsBoth ? otherFamilies[host] : undefined;`, `const other = undefined;`),
          /host 127\.0\.0\.1: ::1 is left to others/,
        ),
      ],
    ),
    check(
      server,
      'holds [::1] if that is its public URL, and leaves it otherwise',
      async (create) => {
        const other = await hold({ host: '::1' });
        const { port } = other;
        const server = create({ port, publicUrl: `http://[::1]:${port}` });
        try {
          const error = await assert.rejects(() => server.listen(), PortInUseError);
          assert.is(error.host, '::1');
          // Another host or another port: its browsers do not come to this one.
          for (const publicUrl of [
            `http://127.0.0.1:${port}`,
            'https://sign-in.example',
            'http://localhost',
            `http://localhost:${port === 65_535 ? 1 : port + 1}`,
          ])
            await withServer({ port, publicUrl }, () => Promise.resolve(), create);
        } finally {
          await server.close();
          await other.release();
        }
      },
      [
        twin('leaves [::1] to others', edit(` && name !== '[::1]'`, ''), /Expected promise to reject/),
        twin(
          'needs both families for any public URL',
          edit(
            `const name = advertised?.port === port ? advertised.hostname : undefined;`,
            `const name = advertised && 'localhost';`,
          ),
          /PortInUseError/,
        ),
      ],
    ),
  ),

  requirement(
    'E-03',
    {
      demand: 'Use IPv6 if there is no IPv4 loopback.',
      source: 'RFC 8252 section 7.3',
      scope: 'loopback',
    },
    check(server, 'uses ::1 where there is no 127.0.0.1', async (create) => {
      const signsInAt = async (options: ServerOptions): Promise<void> => {
        const server = create(options);
        const { host } = options;
        try {
          await (host === '::1' ? server.listen() : refusing(onlyIPv6, () => server.listen()));
          const { port, address } = server.address;
          assert.is(address, '::1');
          const authority = `${host === 'localhost' ? host : '[::1]'}:${port}`;
          assert.is(server.redirectUri, `http://${authority}/callback`);
          const { flow, seen } = await signIn(server);
          const answer = await visitAt('::1', port, authority, target(flow, response(flow)));
          assert.is(answer.status, 200);
          assert.is(seen.responses.length, 1);
        } finally {
          await server.close();
        }
      };
      const fixed = await freePort(create);
      const all: readonly ServerOptions[] = [
        {},
        { port: fixed },
        { port: [fixed, 0] },
        { host: 'localhost' },
        { host: '::1' },
      ];
      for (const options of all) await signsInAt(options);
    }),
    check(server, 'accepts [::1] as a Host, and the redirect URI at its own literal only', (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server, port } = endpoint;
          const waiting = await signIn(server);
          const real = target(waiting.flow, response(waiting.flow));
          assert.is((await visitAt('::1', port, `[::1]:${port}`, '/favicon.ico')).status, 404);
          assert.is((await visitAt('::1', port, `[::1]:${port}`, real)).status, 400);
          assert.is(waiting.seen.responses.length, 0);
          await delivers(endpoint, waiting);
        },
        create,
      ),
    ),
  ),

  requirement(
    'E-04',
    {
      demand:
        'Take a free port from the listening socket itself; a busy fixed port is an error that names it.',
      source: 'RFC 8252 section 7.3',
      scope: 'loopback',
    },
    check(
      server,
      'starts a thousand servers at once, each on a port of its own',
      async (create) => {
        // Two sockets each, and some systems allow a process no more than 1,024.
        for (let batch = 0; batch < 5; batch++) {
          const ports = await startTogether(200, create);
          assert.is(new Set(ports).size, 200, 'a port was given twice');
        }
      },
      [],
      { deadline: 300_000 },
    ),
    check(
      server,
      'draws another port where the other family has this one taken, and not for ever',
      async (create) => {
        const server = create();
        let draws = 0;
        try {
          await refusing(
            (host) => (host === '::1' && ++draws <= 3 ? 'EADDRINUSE' : undefined),
            () => server.listen(),
          );
          assert.is(draws, 4);
          const { port } = server.address;
          assert.is((await visitAt('::1', port, `[::1]:${port}`, '/')).status, 404);
          await server.close();

          draws = 0;
          const never = (host?: string): string | undefined =>
            host === '::1' && ++draws > 0 ? 'EADDRINUSE' : undefined;
          await assert.rejects(() => refusing(never, () => server.listen()), PortInUseError);
          assert.ok(draws <= 100, `${draws} draws`);
        } finally {
          await server.close();
        }
      },
    ),
    check(
      server,
      'names a fixed port that is busy, and takes no other',
      async (create) => {
        const other = await hold({ host: '127.0.0.1' });
        const server = create({ port: other.port });
        try {
          const error = await assert.rejects(() => server.listen(), PortInUseError);
          assert.is(error.code, 'port_in_use');
          assert.is(error.port, other.port);
          assert.match(error.message, `port ${other.port} on 127.0.0.1 is in use`);
          assert.throws(() => server.address, NotListeningError);
          if (process.platform === 'linux') assert.equal(addressesAt(other.port), ['127.0.0.1']);
          await other.release();
          await server.listen();
          assert.is(server.address.port, other.port);
        } finally {
          await server.close();
          await other.release();
        }
      },
      [
        twin(
          'takes another port where the given one is busy',
          edit(
            `  const port = ports.at(-1) as number;`,
            `  return bindAll(http, placesOf(host, 0), 0);\n  const port = ports.at(-1) as number;`,
          ),
          /Expected promise to reject/,
        ),
      ],
    ),
  ),

  requirement(
    'E-05',
    {
      demand: 'Close the port after the page has been sent completely.',
      source: 'RFC 8252 section 8.3; OAuth 2.1 section 8.5.4',
      scope: 'loopback',
      note: 'decided: a server stays until it is closed; for that of one sign-in see spec/unit/login/sign-in.spec.ts',
    },
    check(
      server,
      'has its port open from listen() until close(), which lets a slow browser read its page',
      async (create) => {
        const port = await freePort(create);
        const server = create({
          port,
          render: ({ kind }) => (kind === 'success' ? largePage : kind),
          cleanUrl: false,
          closeTimeout: 60_000,
          limits: { keepAliveTimeout: 60_000 },
        });
        assert.ok(await isRefused(port), 'is open before listen()');
        assert.throws(() => server.redirectUri, NotListeningError);
        let reader: SlowReader | undefined;
        try {
          await server.listen();
          const { flow, seen } = await signIn(server);
          // A second sign-in that waits, for the sake of which connections are kept.
          await server.begin();
          const real = target(flow, response(flow));
          reader = await SlowReader.start(
            await dial(port),
            compose(port, { target: real, headers: { ...navigation, Connection: 'keep-alive' } }),
          );
          assert.is(seen.responses.length, 1);
          assert.is((await visit(port, '/favicon.ico')).status, 404);
          let closed = false;
          const closing = server.close().then(() => (closed = true));
          assert.ok(await isRefused(port), 'accepts connections while it closes');
          assert.not.ok(closed, 'is closed with a page in flight');
          assert.is(await reader.toEnd(), largePage.length);
          await closing;
          assert.ok(await isRefused(port));
        } finally {
          reader?.destroy();
          await server.close();
        }
      },
    ),
    check(
      server,
      'delivers the whole page when it closes as soon as the response is there',
      async (create) => {
        for (let round = 0; round < 20; round++) {
          const server = create();
          await server.listen();
          const { port } = server.address;
          try {
            const flow = await server.begin();
            const answer = visit(port, target(flow, response(flow)));
            await firstValueFrom(flow.response);
            await server.close();
            const { status, headers, body } = await answer;
            assert.is(status, 200);
            assert.is(Buffer.byteLength(body), Number(headers['content-length']), 'the page is cut');
            assert.ok(await isRefused(port));
          } finally {
            await server.close();
          }
        }
      },
    ),
  ),

  requirement(
    'E-06',
    {
      demand: 'Share the port with no second process.',
      source: 'RFC 8252 appendices B.3 and B.5',
      scope: 'loopback',
    },
    check(server, 'shares its port with no second binder', (create) =>
      withServer(
        {},
        async (endpoint) => {
          const { server, port } = endpoint;
          const hosts = ['127.0.0.1', '::1'];
          // Elsewhere the system itself prefers the literal over a wildcard.
          if (process.platform === 'linux') hosts.push('0.0.0.0', '::');
          for (const host of hosts) {
            const second = await hold({ host, port, reusePort: true, exclusive: false });
            await second.release();
            assert.is(second.code, 'EADDRINUSE', host);
          }
          const second = create({ port });
          try {
            await assert.rejects(() => second.listen(), PortInUseError);
          } finally {
            await second.close();
          }
          await delivers(endpoint, await signIn(server));
        },
        create,
      ),
    ),
  ),

  requirement(
    'E-07',
    {
      demand:
        'Accept connections before the browser opens; timeout, cancel and unsubscribe close the port and tell the consumer why.',
      source: 'RFC 8252 section 8.3',
      scope: 'loopback',
    },
    check(server, 'answers already when it says that it listens', async (create) => {
      const server = create();
      const visits: Promise<HttpAnswer>[] = [];
      // As an `open` hook would, in the same turn.
      server.events.subscribe((event) => {
        if (event.type === 'listening')
          visits.push(visit(Number(new URL(event.redirectUri).port), '/callback'));
      });
      try {
        await server.listen();
        const [answer] = await Promise.all(visits);
        assert.is(answer?.status, 400);
      } finally {
        await server.close();
      }
    }),
    check(
      server,
      'closes the port and tells the consumer why, on close and on unsubscribe',
      async (create) => {
        const closed = create();
        await closed.listen();
        const { port } = closed.address;
        const waiting = await signIn(closed);
        await closed.close();
        assert.instance(ended(waiting.seen), ServerClosedError);
        assert.ok(await isRefused(port));

        const { server, subscription } = await subscribed();
        const own = server.address.port;
        const { seen } = await signIn(server);
        const told = lastValueFrom(server.events);
        subscription.unsubscribe();
        assert.is((await told).type, 'closed');
        assert.instance(ended(seen), ServerClosedError);
        assert.ok(await isRefused(own));
      },
    ),
    check(
      server,
      'tells a consumer of a timeout and of a cancel, and goes on for the others',
      async (create) => {
        const scheduler = new VirtualTimeScheduler();
        await withServer(
          { scheduler, flowTtl: 1_000 },
          async (endpoint) => {
            const { server } = endpoint;
            const abort = new AbortController();
            const late = await signIn(server);
            const cancelled = await signIn(server);
            const aborted = await signIn(server, { signal: abort.signal });
            const waiting = await signIn(server, { ttl: 2_000 });
            cancelled.flow.cancel();
            abort.abort('the user closed the window');
            scheduler.maxFrames = 1_500;
            scheduler.flush();
            assert.instance(ended(late.seen), FlowExpiredError);
            assert.instance(ended(cancelled.seen), FlowCancelledError);
            const error = ended(aborted.seen) as FlowCancelledError;
            assert.instance(error, FlowCancelledError);
            assert.is(error.cause, 'the user closed the window');
            await delivers(endpoint, waiting);
          },
          create,
        );
      },
      [
        twin(
          'ends every flow with the one that is cancelled',
          edit(
            `    this.remember(flow.state, 'late');\n    this.#remove(flow, error);`,
            '    for (const each of [...this.#deadlines.values()]) this.#remove(each, error);',
          ),
          /instance of `FlowExpiredError`/,
        ),
      ],
    ),
    check(server, 'keeps no process alive once it is unsubscribed from', async () => {
      // Begins a sign-in that would wait for ten minutes, has a page and a keep-alive connection open, and lets go.
      const program = `
        import { get } from 'node:http';
        import { callbackServer } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)};
        const subscription = callbackServer().subscribe(async (server) => {
          const flow = await server.begin();
          flow.response.subscribe({ error: ({ code }) => console.log(code) });
          get(server.redirectUri, (response) => {
            response.resume().on('end', () => subscription.unsubscribe());
          });
        });`;
      const flags = ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', program];
      const { stdout } = await promisify(execFile)(process.execPath, flags, {
        timeout: 60_000,
        killSignal: 'SIGKILL',
      });
      assert.is(stdout, 'closed\n');
    }),
    check(
      signingIn,
      'a sign-in that is cancelled leaves neither a flow nor a port',
      async ({ signIn }) => {
        await using as = await startIssuer();
        await withServer({}, async ({ server, events }) => {
          const watched = new Watched(signIn({ issuer: as.issuer, clientId, host: server }));
          await watched.next('waiting');
          watched.unsubscribe();
          assert.equal(
            events.map(({ type }) => type),
            ['begun', 'cancelled'],
            'what becomes of the flow',
          );
        });
        const own = new Watched(signIn({ issuer: as.issuer, clientId }));
        const { url } = await own.next('authorize');
        const { port, hostname } = new URL(url.searchParams.get('redirect_uri')!);
        assert.not.ok(await isRefused(Number(port), hostname));
        own.unsubscribe();
        // Closing takes some turns of this process, and no time.
        let open = true;
        for (let attempt = 0; attempt < 100 && open; attempt++)
          open = !(await isRefused(Number(port), hostname));
        assert.not.ok(open, 'the port is open');
      },
      [
        twin(
          'leaves its flow waiting',
          edit(`      over.abort();\n      releaseProcess();`, `      releaseProcess();`),
          /what becomes of the flow/,
        ),
        // For longer than it is waited for; for ever, the specs would not end.
        twin(
          'leaves its port open',
          edit(
            `finalize(() => void own.close()),`,
            `finalize(() => void setTimeout(() => void own.close(), 4_000)),`,
          ),
          /the port is open/,
        ),
      ],
    ),
  ),

  requirement(
    'E-08',
    {
      demand: 'Refuse to listen beyond loopback without TLS or a public URL.',
      source: 'RFC 9700 section 2.6; OAuth 2.1 section 1.5',
    },
    check(
      server,
      'refuses an address beyond loopback unless TLS or a public URL is configured',
      (create) => {
        const beyond = [
          '0.0.0.0',
          '::',
          '192.0.2.2',
          '10.0.0.1',
          'fd00::1',
          'fe80::1',
          '::ffff:192.0.2.1',
          'example.com',
          'localhost.example',
          '127.0.0.1.nip.io',
          '127.999.0.1',
          '127.1',
          '0',
          '',
        ];
        for (const host of beyond) {
          const error = assert.throws(() => create({ host }), InvalidOptionError);
          assert.is(error.option, 'host');
          assert.match(error.message, 'loopback');
          // Each is refused for what it is, not for being unusable: with either of these it is the operator's word.
          create({ host, publicUrl: 'https://sign-in.example' });
          create({ host, tls: {} });
        }
        const http = assert.throws(
          () => create({ host: '0.0.0.0', publicUrl: 'http://sign-in.example' }),
          InvalidOptionError,
        );
        assert.is(http.option, 'publicUrl');
        for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) create({ host });
        return Promise.resolve();
      },
      [
        twin(
          'listens anywhere',
          replacing({ isLoopback }, () => () => true),
          /Expected function to throw/,
        ),
      ],
    ),
  ),
);
