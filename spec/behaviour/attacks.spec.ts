/**
 * The attacks that a hostile tester tries first, each against a server in a process of its own in which a sign-in
 * waits. However it goes, the sign-in is then delivered in under a second and the process ends in good order. Attacks
 * 9 and 15 need the bridge and the cluster.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { gzipSync } from 'node:zlib';
import { createOAuthCallbackServer, type BeginOptions, type CallbackFields } from '../../src/index.ts';
import { withApart, type Apart, type FlowApart, type PlainOptions } from '../helpers/apart.ts';
import { deadline, equal, is, match, not, ok, rejects } from '../helpers/assert.ts';
import { sendAll } from '../helpers/fuzz-pipeline.ts';
import {
  compose,
  navigation,
  readAnswer,
  send,
  sendBytes,
  visit,
  type HttpRequest,
} from '../helpers/http.ts';
import { dial } from '../helpers/raw.ts';
import { suite } from '../helpers/suite.ts';

/** In each code, verifier and text that nobody may ever see. */
const canary = 'canary0f1e';

const honest = 'https://as.example';

type Headers = Readonly<Record<string, string>>;

/** A sign-in that waits, and what an attacker can reach. */
interface Victim {
  apart: Apart;
  port: number;
  flow: FlowApart;
  /** Path and query of its redirect URI with these parameters. */
  target: (parameters: string) => string;
  /** Sends a request that must reach nobody; gives the answer. */
  shoot: (request: string | HttpRequest, what?: string) => Promise<{ status: number; raw: string }>;
  /** Nothing has reached the sign-in so far. */
  unharmed: () => Promise<void>;
}

interface Setting {
  options?: PlainOptions;
  begin?: Omit<BeginOptions, 'signal'>;
  /** Fields of the real redirect besides code and state. */
  more?: CallbackFields;
}

/** Runs the attack, and then signs in as if nothing had been. */
function survives(attack: (victim: Victim) => Promise<void>, setting: Setting = {}): () => Promise<void> {
  return () =>
    withApart(async (apart) => {
      const { options = {}, begin = {}, more = {} } = setting;
      const { port } = await apart.serve(options);
      const flow = await apart.begin(begin);
      const unharmed = async (): Promise<void> => {
        await apart.report();
        equal([flow.responses, flow.errors], [[], []], 'nothing has reached the sign-in');
      };
      const target = (parameters: string): string => {
        const { pathname, search } = new URL(flow.redirectUri);
        return `${pathname}${search === '' ? '?' : `${search}&`}${parameters}`;
      };
      const shoot: Victim['shoot'] = async (request, what = JSON.stringify(request)) => {
        const answer = typeof request === 'string' ? await visit(port, request) : await send(port, request);
        ok(answer.status >= 400 || answer.status === 204, `${what}: is answered ${answer.status}`);
        hides(answer.raw, [canary]);
        return answer;
      };
      await attack({ apart, port, flow, target, shoot, unharmed });
      await unharmed();
      await signIn(apart, port, flow, target, more);
      const output = apart.takeOutput();
      hides(output, [canary, flow.state, flow.codeVerifier]);
      is(await apart.close(), 'exit code 0, signal null');
    });
}

/** The person's own browser comes back, by a query. */
async function signIn(
  apart: Apart,
  port: number,
  flow: FlowApart,
  target: Victim['target'],
  more: CallbackFields,
): Promise<void> {
  const expected = { code: `real-${canary}`, state: flow.state, ...more };
  const answer = await visit(port, target(String(new URLSearchParams(expected))));
  is(answer.status, 200, 'the real redirect');
  match(answer.body, 'Authentication successful');
  equal(await deadline(flow.delivered, 'the response'), expected);
  ok(apart.alive);
  equal(flow.responses.length, 1);
}

const random = (index: number): string => `guess-${index}-${canary}`.padEnd(43, 'x');

/** An error of the server process comes as text. */
const says =
  (code: string) =>
  ({ message }: Error): boolean =>
    message.includes(code);

/** The text has none of them in it. */
function hides(text: string, secrets: readonly string[]): void {
  for (const secret of secrets) {
    const at = text.indexOf(secret);
    is(at, -1, `shown: ${text.slice(Math.max(0, at - 200), at + 100)}`);
  }
}

const form: Headers = { 'Content-Type': 'application/x-www-form-urlencoded' };

const test = suite('attacks');

test(
  '1. nothing that a stranger sends ends the sign-in',
  survives(async ({ port, flow, shoot, unharmed }) => {
    for (const target of [
      '/callback',
      '/callback?error=access_denied',
      '/callback?error=access_denied&state=',
      `/callback?code=${canary}`,
      `/callback?state=${flow.state}`,
      `/callback?code=&error=&state=${flow.state}`,
      '/favicon.ico',
      '/robots.txt',
    ])
      await shoot(target);
    for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH'])
      await shoot({ method, target: `/callback?code=${canary}&state=${flow.state}` });
    await unharmed();
    const guesses = Array.from({ length: 10_000 }, (_, index) => ({
      method: 'GET',
      bytes: Buffer.from(
        compose(port, {
          target: `/callback?code=${canary}&state=${random(index)}`,
          headers: { ...navigation, Connection: 'keep-alive' },
        }),
      ),
      last: false,
    }));
    const answers = await sendAll(port, guesses);
    equal(
      [...new Set(answers.map((answer) => answer?.status))],
      [400, 429],
      'refused, and slowed down after a while',
    );
  }),
);

test(
  '2. signs no user in as the attacker',
  survives(async ({ apart, port, flow, shoot }) => {
    const own = await apart.begin({ responseMode: 'form_post' });
    const states = [
      '',
      '&state=',
      `&state=${random(1)}`,
      `&state=${flow.state.slice(0, -1)}`,
      `&state=${own.state}`,
    ];
    // Headers that a browser sends when a page of the attacker makes the request.
    const ways: Record<string, Headers> = {
      img: { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image' },
      script: { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'script' },
      'fetch(no-cors)': {
        'Sec-Fetch-Site': 'cross-site',
        'Sec-Fetch-Mode': 'no-cors',
        'Sec-Fetch-Dest': 'empty',
      },
      'fetch(cors)': {
        'Sec-Fetch-Site': 'cross-site',
        'Sec-Fetch-Mode': 'cors',
        'Sec-Fetch-Dest': 'empty',
        Origin: 'https://evil.example',
      },
      iframe: { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'iframe' },
      'older browser, fetch(cors)': { Origin: 'https://evil.example' },
    };
    for (const [way, headers] of Object.entries(ways)) {
      // Even with the right state, which the attacker cannot know.
      for (const state of [...states, `&state=${flow.state}`])
        await shoot({ target: `/callback?code=${canary}${state}`, headers }, `${way}, "${state}"`);
    }
    for (const state of states) {
      await shoot(`/callback?code=${canary}${state}`, `popup, "${state}"`);
      if (state.endsWith(own.state)) continue;
      const headers = { ...form, ...navigation, Origin: 'https://evil.example' };
      const body = `code=${canary}${state}`;
      await shoot({ method: 'POST', target: '/callback', headers, body }, `form, "${state}"`);
    }
    // The state of the attacker's own sign-in leads to that one, and to no other.
    const body = `code=evil&state=${own.state}`;
    const answer = await send(port, {
      method: 'POST',
      target: '/callback',
      headers: { ...form, ...navigation },
      body,
    });
    is(answer.status, 200);
    equal(await own.delivered, { code: 'evil', state: own.state });
  }),
);

test(
  '3. accepts exactly one of many redirects for one state',
  survives(async ({ apart, port, shoot }) => {
    const twice = await apart.begin();
    is((await visit(port, `/callback?code=first&state=${twice.state}`)).status, 200);
    await shoot(`/callback?code=${canary}&state=${twice.state}`);
    await shoot(`/callback?code=first&state=${twice.state}`);

    const raced = await apart.begin();
    const sockets = await Promise.all(Array.from({ length: 200 }, () => dial(port)));
    try {
      for (const [index, socket] of sockets.entries())
        socket.write(
          compose(port, { target: `/callback?code=c${index}&state=${raced.state}`, headers: navigation }),
        );
      const answers = await Promise.all(sockets.map((socket) => readAnswer(socket)));
      const won = answers.flatMap(({ status }, index) => (status === 200 ? [`c${index}`] : []));
      is(won.length, 1);
      await apart.report();
      equal(raced.responses, [{ code: won[0], state: raced.state }]);
      equal(twice.responses, [{ code: 'first', state: twice.state }]);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
    is((await apart.report()).accepted, 2);
  }),
);

test(
  '4. neither a prefetch nor a reload consumes a code',
  survives(async ({ apart, port, flow, shoot, unharmed }) => {
    const good = (state: string): string => `/callback?code=c0de&state=${state}`;
    for (const headers of [
      { 'Sec-Purpose': 'prefetch' },
      { 'Sec-Purpose': 'prefetch;prerender' },
      { 'Sec-Purpose': 'prefetch;anonymous-client-ip' },
      { Purpose: 'prefetch' },
      { 'X-Purpose': 'preview' },
      { 'X-Moz': 'prefetch' },
    ] as Headers[])
      is((await shoot({ target: good(flow.state), headers: { ...navigation, ...headers } })).status, 503);
    is((await shoot({ method: 'HEAD', target: good(flow.state) })).status, 405);
    is((await shoot({ method: 'OPTIONS', target: good(flow.state) })).status, 405);
    await unharmed();

    const other = await apart.begin();
    is((await visit(port, good(other.state))).status, 200);
    for (const again of ['reload', 'back', 'duplicate tab']) await shoot(good(other.state), again);
    await apart.report();
    equal(other.responses, [{ code: 'c0de', state: other.state }]);
  }),
);

test(
  '5. polluted parameters reach no program',
  survives(
    async ({ apart, flow, target, shoot }) => {
      const good = `code=${canary}&state=${flow.state}`;
      const polluted = [
        `${good}&code=x`,
        `code=&${good}`,
        `${good}&c%6fde=x`,
        `${good}&state=${flow.state}`,
        `${good}&state=`,
        `${good}&iss=a&iss=a`,
        `${good}&error=a&error=b`,
        `${good}&id_token=x`,
        `${good}&access_token=x`,
        `${good}&response=x`,
        `code=${canary}&state=%FF`,
        `code=${canary}&state=%FE`,
        `code=${canary}%00&state=${flow.state}`,
        `code=${canary}&state=${flow.state}%00`,
        `code=${canary}&state=${flow.state.replace(/^./, (first) => `%25${first.charCodeAt(0).toString(16)}`)}`,
        `code=${canary}%0d%0aSet-Cookie:x&state=${flow.state}`,
        `code=${'x'.repeat(8_193)}&state=${flow.state}`,
        `code[]=${canary}&state[]=${flow.state}`,
        `__proto__[state]=${flow.state}&code=${canary}`,
        `__proto__=x&constructor=y&code=${canary}&State=${flow.state}`,
      ];
      const posting = await apart.begin({ responseMode: 'form_post' });
      for (const parameters of polluted) {
        await shoot(target(parameters));
        const body = parameters.replaceAll(flow.state, posting.state);
        await shoot({ method: 'POST', target: '/callback?env=1', headers: form, body });
      }
      for (const [query, body] of [
        [`state=${posting.state}`, `code=${canary}`],
        [`code=${canary}`, `state=${posting.state}`],
        [`code=${canary}&state=${posting.state}`, ''],
        ['error=x', `code=${canary}&state=${posting.state}`],
      ])
        await shoot({ method: 'POST', target: `/callback?env=1&${query}`, headers: form, body: body || 'x' });
      for (const fixed of ['', 'env=2&', 'env=1&env=1&', 'ENV=1&', 'env=1%00&'])
        await shoot(`/callback?${fixed}${good}`);
      await apart.report();
      equal([posting.responses, posting.errors], [[], []]);
    },
    { options: { callbackPath: '/callback?env=1' } },
  ),
);

test(
  '6. rejects a response of another authorization server, tool or address',
  survives(
    async ({ apart, port, flow, target, shoot }) => {
      const good = `code=${canary}&state=${flow.state}`;
      for (const iss of [
        '',
        '&iss=',
        '&iss=https://evil.example',
        `&iss=${honest}/`,
        `&iss=${honest}:443`,
        '&iss=HTTPS://as.example',
        '&iss=https://AS.example',
        '&iss=https://as%252Eexample',
        `&iss=${honest}%00`,
      ]) {
        await shoot(target(good + iss));
        await shoot(target(`error=access_denied&error_description=${canary}&state=${flow.state}${iss}`));
      }
      const parameters = `?${good}&iss=${honest}`;
      const other = await apart.begin({ issuer: 'https://evil.example', context: 'tool-b' });
      const path = new URL(flow.redirectUri).pathname;
      for (const elsewhere of [
        new URL(other.redirectUri).pathname,
        '/callback',
        '/callback/',
        `${path}/`,
        `/${path}`,
        `${path};x`,
        path.toUpperCase(),
        path.replace('t', '%74'),
        `/x/..${path}`,
      ])
        await shoot(elsewhere + parameters);
      await shoot({ target: path + parameters, headers: { Host: `[::1]:${port}` } });
      await shoot(`${path}?code=${canary}&state=${other.state}&iss=${honest}`);
      await apart.report();
      equal(other.responses, []);
    },
    { begin: { issuer: honest, issuerAdvertised: true, context: 'tool-a' }, more: { iss: honest } },
  ),
);

test(
  '7. no attacker gets into the sign-in of another user (local part)',
  survives(async ({ apart, port, flow, shoot }) => {
    // Waiting with the victim's state, or taking its place.
    await rejects(apart.begin({ state: flow.state }), says('state_in_use'));
    // A code laid out before its flow begins is not picked up by it.
    const state = random(7);
    await shoot(`/callback?code=${canary}&state=${state}`);
    const later = await apart.begin({ state });
    await apart.report();
    equal(later.responses, []);
    // A state that was used brings no second sign-in into being.
    is((await visit(port, `/callback?code=ok&state=${state}`)).status, 200);
    await rejects(apart.begin({ state }), says('state_in_use'));
    equal(await later.delivered, { code: 'ok', state });
    for (const weak of ['1', 'x'.repeat(43), 'short-state'])
      await rejects(apart.begin({ state: weak }), says('invalid_option'));
  }),
);

test(
  '8. lets no web page in by a rebound name or a WebSocket',
  survives(async ({ port, flow, shoot }) => {
    const target = `/callback?code=${canary}&state=${flow.state}`;
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1',
      '127.0.0.1:1',
      `127.0.0.1.nip.io:${port}`,
      `localhost:${port}`,
      `localhost.evil.example:${port}`,
      `127.0.0.1:${port}.evil.example`,
      `127.0.0.1:${port}@evil.example`,
      `127.1:${port}`,
      `0.0.0.0:${port}`,
      `[::ffff:127.0.0.1]:${port}`,
      '',
    ])
      await shoot({ target, headers: { ...navigation, Host: host } }, `Host: ${host}`);
    const upgrade = {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version': '13',
    };
    for (const origin of [
      'null',
      'https://evil.example',
      `http://127.0.0.1:${port}`,
      `http://127.0.0.1:${port}.evil.example`,
      `http://evil.example:${port}`,
    ]) {
      const socket: Headers = {
        'Sec-Fetch-Mode': 'websocket',
        'Sec-Fetch-Dest': 'websocket',
        'Sec-Fetch-Site': 'cross-site',
      };
      for (const more of [{}, upgrade, { ...upgrade, ...socket }])
        await shoot({ target, headers: { ...more, Origin: origin } });
      await shoot({
        method: 'OPTIONS',
        target,
        headers: { Origin: origin, 'Access-Control-Request-Method': 'GET' },
      });
    }
  }),
);

test(
  '10. no line, header or length crashes the server or shows in its output',
  survives(async ({ apart, port, flow }) => {
    const host = `Host: 127.0.0.1:${port}\r\n`;
    const query = `?code=${canary}&state=${flow.state}`;
    const lines = [
      `GET //${query}`,
      `GET //evil.example/callback${query}`,
      `GET /\\\\${query}`,
      `GET http://${query}`,
      `GET http://[::1${query}`,
      `GET http://[::1/callback${query}`,
      `GET http://evil.example/callback${query}`,
      `GET *${query}`,
      'OPTIONS *',
      `GET /%${query}`,
      `GET /%ZZ${query}`,
      `GET ?code=${canary}`,
      `CONNECT evil.example:443`,
      `GET /callback${query}&${'x'.repeat(70_000)}`,
      `FOO /callback${query}`,
      `GET /callback${query} HTTP/9.9\r\nX: `,
    ];
    const valid = `GET /callback${query} HTTP/1.1\r\n`;
    const chunked = 'Transfer-Encoding: chunked\r\n';
    const raw = [
      ...lines.map((line) => `${line} HTTP/1.1\r\n${host}\r\n`),
      `${valid}\r\n`,
      `${valid}Host: \r\n\r\n`,
      `${valid}${host}${host}\r\n`,
      `${valid}${host}Host: evil.example\r\n\r\n`,
      `${valid.replace('1.1', '1.0')}\r\n`,
      `${valid}${host}${'X: y\r\n'.repeat(2_000)}\r\n`,
      `${valid}${host}${'X: y\r\n'.repeat(150)}Sec-Fetch-Dest: image\r\n\r\n`,
      `${valid}${host}Content-Length: 5\r\n${chunked}\r\n0\r\n\r\n`,
      `${valid}${host}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
      `${valid}${host}X: a\r\n b\r\n\r\n`,
      `${valid}${host}X\r\n\r\n`,
      `${valid}${host}X: \0\r\n\r\n`,
      valid.replace('\r', '') + host.replace('\r', '') + '\n',
      `${valid}${host}Transfer-Encoding: gzip, chunked, x\r\n\r\n`,
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      '\0'.repeat(1_000),
    ];
    for (const bytes of raw) {
      const socket = await dial(port);
      try {
        socket.end(Buffer.from(bytes, 'latin1'));
        const { status, raw: answer } = await readAnswer(socket);
        ok(status === 0 || status >= 400, `${status} for ${bytes.slice(0, 100)}`);
        hides(answer, [canary]);
      } finally {
        socket.destroy();
      }
      ok(apart.alive, bytes);
    }
    // Left in the middle of everything.
    for (const bytes of [
      '',
      'G',
      valid,
      `${valid}${host}`,
      `${valid}${host}Connection: Upgrade\r\nUpgrade: x\r\n`,
    ]) {
      const socket = await dial(port);
      socket.write(bytes);
      socket.resetAndDestroy();
      await once(socket, 'close');
    }
  }),
);

test(
  '11. the text of an error does no harm, and with a wrong state is never shown',
  survives(async ({ apart, port, shoot }) => {
    const hostile = [
      `<svg onload=alert("${canary}")>`,
      `</p><script>${canary}</script>`,
      `" autofocus onfocus="${canary}`,
      `\u001b]0;${canary}\u0007\u001b[31m`,
      `\r\nERROR forged ${canary}`,
      `\u202e${canary}\u2028`,
      `&lt;b&gt;&amp;'"\`${canary}`,
    ];
    for (const text of hostile) {
      const error = String(
        new URLSearchParams({
          error: 'server_error',
          error_description: text,
          error_uri: `javascript:alert(${canary})`,
        }),
      );
      const seen = apart.output.length;
      const neutral = await shoot(`/callback?${error}&state=${random(11)}`);
      is(
        neutral.raw,
        (await shoot(`/callback?code=x&state=${random(12)}`)).raw.replace(
          /Date: .*/,
          /Date: .*/.exec(neutral.raw)![0],
        ),
      );

      const other = await apart.begin();
      const shown = await visit(port, `/callback?${error}&state=${other.state}`);
      is(shown.status, 400);
      not.match(
        shown.body,
        /<(?:svg|script>canary|b>)|javascript:|onfocus="|[\0-\x08\x0b-\x1f\x7f\u2028\u202e]/,
      );
      const { error_description = '' } = await deadline(other.delivered, 'the error');
      match(error_description, /^[\x20-\x7e]+$/);
      await apart.report();
      not.match(apart.output.slice(seen), /[\0-\x08\x0b-\x1f\x7f]|^ERROR forged/m);
    }
    // Consumers get the provider's words, but nobody prints them unasked.
    apart.takeOutput();
    apart.output = '';
  }),
);

test(
  '12. shares its port with no other program, and closes it at the end',
  survives(async ({ port }) => {
    // A program that already holds the other family keeps localhost from starting.
    await holding('::1', 0, async (busy) => {
      await rejects(createOAuthCallbackServer({ host: 'localhost', port: busy }).listen(), 'port_in_use');
      is(await connects(busy, '127.0.0.1'), false, 'the half that was bound is given back');
    });
    // The port of the server itself: by a second server, and by a bare socket.
    const error = await rejects(createOAuthCallbackServer({ port }).listen(), 'port_in_use');
    match(error.message, String(port));
    for (const host of ['127.0.0.1', '::1'])
      await rejects(
        holding(host, port, () => Promise.resolve()),
        'EADDRINUSE',
      );
    // Found and bound in one step: many starts at once get a port each.
    const servers = Array.from({ length: 50 }, () => createOAuthCallbackServer());
    try {
      await Promise.all(servers.map((server) => server.listen()));
      is(new Set(servers.map(({ address }) => address.port)).size, servers.length);
    } finally {
      await Promise.all(servers.map((server) => server.close()));
    }
    for (const addresses of Object.values(networkInterfaces()))
      for (const { address, internal, scopeid } of addresses ?? [])
        if (!internal && !scopeid) is(await connects(port, address), false, address);

    for (const end of ['success', 'timeout', 'cancel'] as const) {
      const server = createOAuthCallbackServer();
      await server.listen();
      const own = server.address.port;
      const flow = await server.begin({ ttl: end === 'timeout' ? 1 : 60_000 });
      const over = new Promise<void>((resolve) => {
        flow.response.subscribe({ error: () => resolve(), complete: () => resolve() });
      });
      if (end === 'success') is((await visit(own, `/callback?code=x&state=${flow.state}`)).status, 200);
      if (end === 'cancel') flow.cancel();
      await deadline(over, end);
      await server.close();
      for (const host of ['127.0.0.1', '::1']) is(await connects(own, host), false, `after ${end}`);
    }
  }),
);

/** Holds a port with a bare socket; 0 for any. */
async function holding(host: string, port: number, body: (port: number) => Promise<void>): Promise<void> {
  const server: Server = createServer((socket) => socket.destroy());
  server.listen({ host, port, ipv6Only: true });
  await once(server, 'listening');
  try {
    await body((server.address() as { port: number }).port);
  } finally {
    server.close();
    await once(server, 'close');
  }
}

/** Tells if a server answers there. */
function connects(port: number, host: string): Promise<boolean> {
  return dial(port, host).then(
    (socket) => {
      socket.destroy();
      return true;
    },
    () => false,
  );
}

const limits = { connections: 50, unmatched: 10_000_000 };

test(
  '13. slow, endless and silent clients do not starve the server',
  survives(
    async ({ apart, port }) => {
      await apart.begin({ responseMode: 'form_post' });
      const start = `GET /callback?code=${canary} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n`;
      const post = `POST /callback HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: ${form['Content-Type']!}\r\n`;
      const bomb = gzipSync(Buffer.alloc(20 * 1024 * 1024));
      const starts = [
        '',
        start,
        `${start}X: `,
        `${start}\r\n`,
        `${post}Content-Length: 100\r\n\r\ncode=`,
        `${post}Transfer-Encoding: chunked\r\n\r\nffff\r\n${'x'.repeat(0xffff)}\r\n`,
        Buffer.concat([
          Buffer.from(`${post}Content-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`),
          bomb,
        ]),
      ];
      await withSockets(async (open) => {
        // Twice as many as may be there, none of which is ever done.
        for (let round = 0; round < 15; round++) for (const bytes of starts) (await open()).write(bytes);
        // A sign-in in the middle of it, a byte at a time.
        const dribbled = await apart.begin();
        const socket = await open();
        for (const byte of compose(port, { target: `/callback?code=x&state=${dribbled.state}` }))
          await new Promise((resolve) => socket.write(byte, resolve));
        is((await readAnswer(socket)).status, 200);
        equal(await dribbled.delivered, { code: 'x', state: dribbled.state });
        // And one as it should be.
        const other = await apart.begin();
        is((await visit(port, `/callback?code=x&state=${other.state}`)).status, 200);
        await deadline(other.delivered, 'the response');

        const { connections } = await apart.report();
        ok(connections.seen > 2 * limits.connections, `${connections.seen} connections`);
        ok(connections.most <= limits.connections + 1, `${connections.most} were open at once`);
      }, port);
    },
    { options: { limits } },
  ),
);

test(
  '13. clients that never read hold no more than their share',
  survives(
    async ({ apart, port }) => {
      const request = compose(port, { target: '/callback', headers: { Connection: 'keep-alive' } });
      await withSockets(async (open) => {
        const neverRead = async (socket: Socket): Promise<void> => {
          socket.write(request.repeat(10));
          // The first of twenty million bytes.
          await once(socket, 'readable');
        };
        for (let index = 0; index < 20; index++) await neverRead(await open());
        // A browser that has connected and not yet asked is not driven out by more of them.
        const flow = await apart.begin();
        const browser = await open();
        for (let index = 0; index < 20; index++) await neverRead(await open());
        browser.write(compose(port, { target: `/callback?code=x&state=${flow.state}`, headers: navigation }));
        is((await readAnswer(browser)).status, 200);
        const { connections } = await apart.report();
        ok(connections.most <= 4 + 1, `${connections.most} were open at once`);
      }, port);
    },
    { options: { title: 'x'.repeat(2_000_000), limits: { connections: 4 } } },
  ),
);

test(
  '13. clients that ask for much and leave free what was made for them',
  survives(
    async ({ apart, port }) => {
      const requests = compose(port, { target: '/', headers: { Connection: 'keep-alive' } }).repeat(200);
      const before = await apart.memory();
      await withSockets(async (open) => {
        for (let round = 0; round < 50; round++) {
          const socket = await open();
          socket.write(requests, () => socket.resetAndDestroy());
          await once(socket, 'close');
        }
      }, port);
      while ((await apart.report()).connections.open > 0);
      const grown = (await apart.memory()) - before;
      ok(grown < 8 * 1024 * 1024, `10,000 requests have left ${grown} bytes behind`);
    },
    { options: { limits } },
  ),
);

/** Opens connections, paused until something listens, and destroys them whatever happens. */
async function withSockets(
  body: (open: () => Promise<Socket>) => Promise<void>,
  port: number,
): Promise<void> {
  const sockets: Socket[] = [];
  try {
    await body(async () => {
      const socket = await dial(port);
      sockets.push(socket);
      return socket;
    });
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

test(
  '14. shows no secret in a log, on a page or when printed (local part)',
  survives(async ({ apart, port, flow }) => {
    const secrets = [canary, flow.state, flow.codeVerifier];
    const headers = {
      ...navigation,
      Cookie: `x=${canary}`,
      Authorization: `Bearer ${canary}`,
      Referer: `https://as.example/?code=${canary}`,
    };
    // Every way that a redirect can go, each with secrets wherever they fit.
    const others = [
      await apart.begin(),
      await apart.begin(),
      await apart.begin({ responseMode: 'form_post' }),
    ];
    const [accepted, failed, posted] = others as [FlowApart, FlowApart, FlowApart];
    secrets.push(...others.flatMap(({ state, codeVerifier }) => [state, codeVerifier]));
    const query = (state: string): string => `code=${canary}&state=${state}&iss=${honest}`;
    const requests: HttpRequest[] = [
      { target: `/callback?${query(accepted.state)}`, headers },
      { target: `/callback?${query(accepted.state)}`, headers },
      {
        target: `/callback?error=access_denied&error_description=x&code=${canary}&state=${failed.state}`,
        headers,
      },
      { method: 'POST', target: '/callback', headers: { ...headers, ...form }, body: query(posted.state) },
      {
        method: 'POST',
        target: '/callback',
        headers: { ...headers, ...form },
        body: `${query(random(1))}&code=x`,
      },
      { method: 'HEAD', target: `/callback?${query(flow.state)}`, headers },
      { target: `/callback?${query(flow.state)}&access_token=${canary}`, headers },
      { target: `/callback?${query(flow.state)}`, headers: { ...headers, Origin: 'https://evil.example' } },
      { target: `/callback?${query(random(2))}`, headers },
      { target: `/${canary}?${query(flow.state)}`, headers },
      { target: `http://[${canary}?${query(flow.state)}`, headers },
    ];
    for (const request of requests) {
      const { raw, headers: answered } = await send(port, request);
      hides(raw, secrets);
      is(answered['cache-control'], 'no-store');
      is(answered['referrer-policy'], 'no-referrer');
    }
    const broken = await sendBytes(port, `GET /callback?${query(flow.state)} HTTP/1.1\r\n${canary}\r\n\r\n`);
    is(broken.status, 400);
    hides(broken.raw, secrets);
    equal(
      others.map(({ responses }) => responses.length),
      [1, 1, 1],
    );
    const output = apart.takeOutput();
    for (const type of ['begun', 'redirect', 'answered']) match(output, `"type":"${type}"`);
    hides(output, secrets);
  }),
);

test.run();
