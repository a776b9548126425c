import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request as httpRequest, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createServer as createNetServer, type AddressInfo, type ListenOptions } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { firstValueFrom } from 'rxjs';
import {
  createOAuthCallbackServer,
  InvalidOptionError,
  NotListeningError,
  PortInUseError,
  UnreachableError,
  type OAuthCallbackServer,
  type ServerOptions,
} from '../../../src/index.ts';
import * as assert from '../../helpers/assert.ts';
import { observe, withServer } from '../../helpers/endpoint.ts';
import { compose, sendBytes, visit } from '../../helpers/http.ts';
import { hold, isRefused } from '../../helpers/sockets.ts';
import { suite } from '../../helpers/suite.ts';
import { certificate } from '../../helpers/tls.ts';

const run = promisify(execFile);
const flags = ['--import', import.meta.resolve('tsx')];
const limits = { timeout: 60_000, killSignal: 'SIGKILL' } as const;
const program = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/binding/${name}.ts`, import.meta.url));

/** Runs `body` while a server of somebody else listens. */
async function withOther<T>(
  server: Server | ReturnType<typeof createNetServer>,
  body: (port: number) => Promise<T>,
  where: ListenOptions = { host: '127.0.0.1', port: 0 },
): Promise<T> {
  server.listen(where);
  await once(server, 'listening');
  try {
    return await body((server.address() as AddressInfo).port);
  } finally {
    server.close();
    if ('closeAllConnections' in server) server.closeAllConnections();
  }
}

/** Has a sign-in end at the flow's own redirect URI. @param host Literal that the browser connects to. */
async function signsIn(server: OAuthCallbackServer, host?: string): Promise<void> {
  const flow = await server.begin();
  const seen = observe(flow);
  const url = new URL(`${flow.redirectUri}?code=the-code&state=${flow.state}`);
  const headers = { Host: url.host };
  if (host !== undefined) url.hostname = host;
  const { status } = await visit(url, url.pathname + url.search, headers);
  assert.is(status, 200);
  assert.is(seen.responses[0]?.code, 'the-code');
}

const own = suite('binding: an own server');

own('takes the first candidate port that is free', async () => {
  const busy = await hold({ host: '127.0.0.1' });
  try {
    await withServer({ port: [busy.port, 0] }, async ({ server, port }) => {
      assert.is.not(port, busy.port);
      assert.is(server.redirectUri, `http://127.0.0.1:${port}/callback`);
      await signsIn(server);
    });
    const { port: free } = await withServer({}, ({ server }) => Promise.resolve(server.address));
    await withServer({ port: [busy.port, free, 0] }, ({ port }) => {
      assert.is(port, free);
      return Promise.resolve();
    });
  } finally {
    await busy.release();
  }
});

own('names the last candidate if all are busy, and opens none', async () => {
  const [first, last] = await Promise.all([hold({ host: '127.0.0.1' }), hold({ host: '127.0.0.1' })]);
  const server = createOAuthCallbackServer({ port: [first.port, last.port] });
  try {
    const error = await assert.rejects(() => server.listen(), PortInUseError);
    assert.equal([error.port, error.host, error.holder], [last.port, '127.0.0.1', undefined]);
    assert.throws(() => server.redirectUri, NotListeningError);
    assert.ok(await isRefused(last.port, '::1'));
  } finally {
    await server.close();
    await Promise.all([first.release(), last.release()]);
  }
});

/** Asks which program holds a port, as a server does that wants the port too. */
async function holderOf(port: number): Promise<string | undefined> {
  const second = createOAuthCallbackServer({ port });
  try {
    const error = await assert.rejects(() => second.listen(), PortInUseError);
    assert.is(error.port, port);
    assert.match(error.message, error.holder ? 'another rx-oauth-callback server' : 'another process');
    return error.holder;
  } finally {
    await second.close();
  }
}

own('says of a busy port that a server of this package holds it', async () => {
  const ours: readonly ServerOptions[] = [
    {},
    { host: '127.0.0.1' },
    { host: 'localhost' },
    { publicUrl: 'https://sign-in.example', binding: 'none' },
  ];
  for (const options of ours)
    await withServer(options, async ({ port, redirects }) => {
      assert.is(await holderOf(port), 'rx-oauth-callback');
      assert.equal(redirects, []);
    });
});

own('says of a busy port that another program holds it', async () => {
  const others = [
    createServer((_request, response) => response.end('x')),
    createNetServer((socket) => socket.destroy()),
    // A silent holder is waited for half a second.
    createNetServer((socket) => socket.resume().on('error', () => undefined)),
  ];
  for (const other of others)
    await withOther(other, async (port) => {
      assert.is(await holderOf(port), undefined);
    });
});

own('listens and closes as often as it is told', async () => {
  const server = createOAuthCallbackServer();
  try {
    await server.close();
    for (let round = 0; round < 3; round++) {
      await Promise.all([server.listen(), server.listen()]);
      await server.listen();
      const { port } = server.address;
      await signsIn(server);
      await Promise.all([server.close(), server.close()]);
      assert.ok(await isRefused(port));
      assert.throws(() => server.address, NotListeningError);
    }
  } finally {
    await server.close();
  }
});

own('starts once a busy port is free', async () => {
  const busy = await hold({ host: '127.0.0.1' });
  const server = createOAuthCallbackServer({ port: busy.port });
  try {
    await assert.rejects(() => server.listen(), PortInUseError);
    await busy.release();
    await server.listen();
    await signsIn(server);
  } finally {
    await server.close();
    await busy.release();
  }
});

own('serves TLS at both literals, and no HTTP without it', () =>
  withServer({ tls: certificate }, async ({ server, port }) => {
    assert.is(server.redirectUri, `https://127.0.0.1:${port}/callback`);
    await signsIn(server);
    assert.is((await visit(`https://[::1]:${port}/`)).status, 404);
    const flow = await server.begin();
    const seen = observe(flow);
    const { status } = await visit(port, `/callback?code=x&state=${flow.state}`);
    assert.is(status, 0, 'HTTP without TLS is answered');
    assert.is(seen.responses.length, 0);
  }),
);

own('serves localhost over TLS at both families', () =>
  withServer({ tls: certificate, host: 'localhost' }, async ({ server, port }) => {
    assert.is(server.redirectUri, `https://localhost:${port}/callback`);
    for (const host of ['127.0.0.1', '[::1]']) await signsIn(server, host);
  }),
);

own('advertises its public URL, and accepts requests of a proxy under that name or its own', () =>
  withServer(
    { publicUrl: 'https://sign-in.example/oauth/', binding: 'none', callbackPath: '/cb' },
    async ({ server, port }) => {
      assert.is(server.redirectUri, 'https://sign-in.example/oauth/cb');
      for (const host of ['sign-in.example', `127.0.0.1:${port}`]) {
        const flow = await server.begin();
        const seen = observe(flow);
        // The proxy has stripped its path.
        const { status } = await visit(port, `/cb?code=x&state=${flow.state}`, { Host: host });
        assert.equal([status, seen.responses.length], [200, 1], host);
      }
    },
  ),
);

own('uses the strict parser whatever flags the process was started with', async () => {
  const lenient = ['--insecure-http-parser', ...flags, program('serve')];
  const child = spawn(process.execPath, lenient, { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = once(child, 'exit');
  try {
    const line = once(child.stdout.setEncoding('utf8'), 'data');
    const port = Number(((await assert.deadline(line, 'its port')) as [string])[0]);
    const both = { 'Content-Length': '5', 'Transfer-Encoding': 'chunked' };
    const ambiguous = [
      compose(port, { method: 'POST', target: '/callback', headers: both, body: '0\r\n\r\n' }),
      compose(port, { target: '/', headers: { X: 'a\0b' } }),
    ];
    for (const bytes of ambiguous) assert.is((await sendBytes(port, bytes)).status, 400);
    child.stdin.end();
    await assert.deadline(ended, 'its end');
  } finally {
    child.kill('SIGKILL');
  }
});

own('lets no worker of a cluster share the port of another', async () => {
  const { stdout } = await run(process.execPath, [...flags, program('two-workers')], limits);
  assert.equal(JSON.parse(stdout), ['listening', 'port_in_use']);
});

// A network of its own, whose loopback interface may lose an address.
const unshare =
  [['-n'], ['-rn']].find((how) => {
    return spawnSync('unshare', [...how, 'ip', 'link', 'set', 'lo', 'up']).status === 0;
  }) ?? [];
const left = {
  '127.0.0.1/8': 'http://[::1]:PORT/callback',
  '::1/128': 'http://127.0.0.1:PORT/callback',
};

for (const [address, redirectUri] of Object.entries(left))
  own.when(unshare.length > 0, 'no network namespaces here')(`signs in if lo has no ${address}`, async () => {
    const script = `ip link set lo up && ip addr del ${address} dev lo && exec "$@"`;
    const command = ['sh', '-c', script, 'sh', process.execPath, ...flags, program('sign-in')];
    const { stdout } = await run('unshare', [...unshare, ...command], limits);
    assert.equal(JSON.parse(stdout), [redirectUri, 'the-code']);
  });

const probing = suite('binding: the probe');

probing('reaches itself at the URL that it advertises', async () => {
  const all: readonly ServerOptions[] = [
    {},
    { host: 'localhost' },
    { host: '::1' },
    { tls: certificate },
    { callbackPath: '/?env=1' },
  ];
  for (const options of all)
    await withServer(options, async ({ server, redirects, events }) => {
      await server.probe();
      assert.equal(redirects, []);
      assert.equal(events, []);
    });
});

probing('reaches itself behind a proxy', async () => {
  let inside = 0;
  const proxy = createServer((request, response) => {
    const { url, headers, method } = request;
    const onward = httpRequest({ host: '127.0.0.1', port: inside, path: url, headers, method }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
    });
    onward.on('error', () => response.writeHead(502).end());
    request.pipe(onward);
  });
  await withOther(proxy, (port) =>
    withServer({ publicUrl: `http://127.0.0.1:${port}` }, async ({ server, port: own }) => {
      await assert.rejects(() => server.probe(), UnreachableError);
      inside = own;
      await server.probe();
      await signsIn(server);
    }),
  );
});

probing('says that another server answers', async () => {
  const proof = 'rx-oauth-callback-probe';
  const others: readonly RequestListener[] = [
    (_request, response) => response.end('x'),
    (_request, response) => response.writeHead(204, { [proof]: 'x' }).end(),
    ({ headers }, response) => response.writeHead(204, { [proof]: headers[proof] }).end(),
  ];
  for (const other of others)
    await withOther(createServer(other), (port) =>
      withServer({ publicUrl: `http://127.0.0.1:${port}` }, async ({ server }) => {
        const error = await assert.rejects(() => server.probe(), UnreachableError);
        assert.match(error.message, 'is answered by another program');
        assert.match(error.message, server.redirectUri);
      }),
    );
  // A server of this package knows its own secret only.
  await withServer({}, ({ port }) =>
    withServer({ publicUrl: `http://127.0.0.1:${port}` }, async ({ server }) => {
      const error = await assert.rejects(() => server.probe(), UnreachableError);
      assert.match(error.message, 'is answered by another program');
    }),
  );
});

probing('says that no server answers', async () => {
  const { port: closed } = await withServer({}, ({ server }) => Promise.resolve(server.address));
  await withServer({ publicUrl: `http://127.0.0.1:${closed}` }, async ({ server }) => {
    const error = await assert.rejects(() => server.probe(), UnreachableError);
    assert.is(error.code, 'unreachable');
    assert.match(error.message, 'does not answer');
    assert.is((error.cause as NodeJS.ErrnoException).code, 'ECONNREFUSED');
  });
  await withOther(
    createNetServer((socket) => socket.destroy()),
    (port) =>
      withServer({ publicUrl: `http://127.0.0.1:${port}` }, async ({ server }) => {
        const error = await assert.rejects(() => server.probe(), UnreachableError);
        assert.match(error.message, 'does not answer');
      }),
  );
});

probing('needs a server that listens', async () => {
  const server = createOAuthCallbackServer();
  await assert.rejects(() => server.probe(), NotListeningError);
});

const borrowing = suite('binding: a borrowed server');

const greet: RequestListener = (request, response) => void response.end(`the app at ${request.url}`);

/** How the two kinds of server are made, and named. */
const kinds: readonly (readonly [scheme: string, make: (listener?: RequestListener) => Server])[] = [
  ['http', (listener) => createServer(listener)],
  ['https', (listener) => createSecureServer(certificate, listener)],
];

for (const [scheme, make] of kinds) {
  borrowing(
    `${scheme}: answers its own requests and leaves the others, before, during and after`,
    async () => {
      const other = make(greet);
      const listeners = other.listeners('request');
      await withOther(other, async (port) => {
        const url = (path: string): string => `${scheme}://127.0.0.1:${port}${path}`;
        const server = createOAuthCallbackServer({ server: other });
        assert.is((await visit(url('/callback'))).body, 'the app at /callback');
        try {
          await server.listen();
          assert.is(server.redirectUri, url('/callback'));
          assert.is(server.address.port, port);
          await signsIn(server);
          await server.probe();
          for (const path of ['/', '/callback/', '/callbacks?code=x', '//callback'])
            assert.is((await visit(url(path))).body, `the app at ${path}`);
          const ours = await visit(url('/callback'));
          assert.is(ours.status, 400);
          assert.not.match(ours.body, 'the app at');
        } finally {
          await server.close();
        }
        assert.equal(other.listeners('request').length, listeners.length);
        assert.ok(other.listeners('request').every((listener, index) => listener === listeners[index]));
        assert.is((await visit(url('/callback'))).body, 'the app at /callback');
        await server.listen();
        await signsIn(server);
        await server.close();
      });
    },
  );
}

borrowing('calls the listeners of the server in their order, with the server as this', () => {
  const calls: unknown[] = [];
  const other = createServer();
  other.on('request', function (this: unknown) {
    calls.push(['first', this === other]);
  });
  other.on('request', function (this: unknown, _request, response) {
    calls.push(['second', this === other]);
    response.end();
  });
  return withOther(other, async (port) => {
    const server = createOAuthCallbackServer({ server: other });
    try {
      await server.listen();
      await visit(port, '/');
      assert.equal(calls, [
        ['first', true],
        ['second', true],
      ]);
    } finally {
      await server.close();
    }
  });
});

borrowing('calls a listener added with once() for one request only', async () => {
  for (const during of [true, false]) {
    const other = createServer(greet);
    let calls = 0;
    other.once('request', () => calls++);
    await withOther(other, async (port) => {
      const server = createOAuthCallbackServer({ server: other });
      try {
        await server.listen();
        if (during) await visit(port, '/');
        if (during) await visit(port, '/');
      } finally {
        await server.close();
      }
      await visit(port, '/');
      await visit(port, '/');
      assert.is(calls, 1);
    });
  }
});

borrowing('serves several callback servers, which may close in any order', async () => {
  for (const order of [
    [0, 1],
    [1, 0],
  ]) {
    const other = createServer(greet);
    const [app] = other.listeners('request');
    await withOther(other, async (port) => {
      const servers = ['/a', '/b'].map((callbackPath) =>
        createOAuthCallbackServer({ server: other, callbackPath }),
      );
      try {
        for (const server of servers) await server.listen();
        for (const server of servers) await signsIn(server);
        const [first, last] = order.map((index) => servers[index]!);
        const path = new URL(first!.redirectUri).pathname;
        await first!.close();
        assert.is((await visit(port, path)).body, `the app at ${path}`);
        await signsIn(last!);
        await last!.close();
        for (const each of ['/a', '/b']) assert.is((await visit(port, each)).body, `the app at ${each}`);
        if (order[0] === 1)
          assert.equal(
            other.listeners('request').map((each) => each === app),
            [true],
          );
      } finally {
        for (const server of servers) await server.close();
      }
    });
  }
});

borrowing('gives its waiting page when it closes, and leaves the server open', async () => {
  const other = createServer(greet);
  await withOther(other, async (port) => {
    const server = createOAuthCallbackServer({ server: other, settle: 60_000 });
    try {
      await server.listen();
      const flow = await server.begin();
      const page = visit(port, `/callback?code=x&state=${flow.state}`);
      await firstValueFrom(flow.response);
      await server.close();
      assert.is((await page).status, 200);
      assert.is((await visit(port, '/')).body, 'the app at /');
    } finally {
      await server.close();
    }
  });
});

borrowing('refuses a server that does not listen on a TCP port', async () => {
  const idle = createOAuthCallbackServer({ server: createServer() });
  const error = await assert.rejects(() => idle.listen(), InvalidOptionError);
  assert.is(error.option, 'server');
  assert.match(error.message, 'must listen on a TCP port before');
  if (process.platform === 'win32') return;
  const path = join(process.env['TMPDIR'] ?? '/tmp', `rx-oauth-callback-${process.pid}.sock`);
  const local = createServer();
  local.listen(path);
  await once(local, 'listening');
  try {
    const server = createOAuthCallbackServer({ server: local });
    await assert.rejects(() => server.listen(), InvalidOptionError);
    assert.is(local.listenerCount('request'), 0);
  } finally {
    local.close();
  }
});

borrowing('refuses one that listens beyond loopback, unless TLS or a public URL is there', async () => {
  for (const host of ['0.0.0.0', '::']) {
    const other = createServer(greet);
    await withOther(
      other,
      async (port) => {
        const server = createOAuthCallbackServer({ server: other });
        const error = await assert.rejects(() => server.listen(), InvalidOptionError);
        assert.is(error.option, 'server');
        assert.match(error.message, `must listen on loopback unless publicUrl is set; got ${host}`);
        assert.is((await visit(port, '/callback')).body, 'the app at /callback');
        const behind = createOAuthCallbackServer({
          server: other,
          publicUrl: 'https://sign-in.example',
          binding: 'none',
        });
        try {
          await behind.listen();
          const flow = await behind.begin();
          const headers = { Host: 'sign-in.example' };
          assert.is((await visit(port, `/callback?code=x&state=${flow.state}`, headers)).status, 200);
        } finally {
          await behind.close();
        }
      },
      { host, port: 0 },
    );
    const secure = createSecureServer(certificate);
    await withOther(
      secure,
      async () => {
        const server = createOAuthCallbackServer({ server: secure });
        await server.listen();
        await server.close();
      },
      { host, port: 0 },
    );
  }
});

own.run();
probing.run();
borrowing.run();
