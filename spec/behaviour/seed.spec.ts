/** Behaviour of the seed, `fastmcp.client.oauth_callback`, row by row; safe in the rows in which the seed is not. */
import { cleanUrlScript } from '../../src/page/page.ts';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { firstValueFrom, Subject } from 'rxjs';
import {
  AuthorizationError,
  CallbackResponse,
  createCallbackHtml,
  createOAuthCallbackServer,
  NotListeningError,
  OAuthCallbackResult,
  PortInUseError,
} from '../../src/index.ts';
import * as assert from '../helpers/assert.ts';
import { navigation, send, visit } from '../helpers/http.ts';
import { RawSocket } from '../helpers/raw.ts';
import { record } from '../helpers/record.ts';
import { authorityOf, listening, newState, redirectTo } from '../helpers/server.ts';
import { suite } from '../helpers/suite.ts';

const html = suite('create_callback_html');

html('has the status lines, the boxes and the line that the tab may be closed', () => {
  const success = createCallbackHtml('', true, undefined, 'https://mcp.example/sse');
  assert.match(success, 'Authentication successful');
  assert.match(success, '<div class="detail"><p>Connected to: https://mcp.example/sse</p>');
  assert.match(success, 'You can safely close this tab now.');
  const failure = createCallbackHtml('It went wrong', false);
  assert.match(failure, 'Authentication failed');
  assert.match(failure, '<div class="detail"><p lang="" dir="auto">It went wrong</p>');
  assert.match(failure, 'You can safely close this tab now.');
});

html('escapes every value', () => {
  const page = createCallbackHtml(`<b a="1" c='2'>`, false, `<i>"'`);
  assert.match(page, '&lt;b a=&quot;1&quot; c=&#x27;2&#x27;&gt;');
  assert.match(page, '<title>&lt;i&gt;&quot;&#x27;</title>');
  assert.match(createCallbackHtml('', true, 'T', `<u>"'`), 'Connected to: &lt;u&gt;&quot;&#x27;');
});

const seed = suite('create_oauth_callback_server');

/** The seed's way of waiting: no flow is begun. */
const container = async () => {
  const resultContainer = new OAuthCallbackResult();
  const ready = new Subject<OAuthCallbackResult>();
  const told = record(ready);
  const server = await listening({ resultContainer, resultReady: ready });
  return { server, resultContainer, told, [Symbol.asyncDispose]: () => server.close() };
};

seed('returns a server that is configured and not running', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  try {
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    // Nothing is bound, so nothing fails, until listen() is called.
    const server = createOAuthCallbackServer({ port });
    assert.throws(() => server.address, NotListeningError);
    assert.throws(() => server.redirectUri, NotListeningError);
    await assert.rejects(server.listen(), PortInUseError);
    await server.close();
  } finally {
    holder.close();
  }
});

seed('answers code and state with the success page', async () => {
  await using server = await listening({ serverUrl: 'https://mcp.example/sse' });
  const { state } = await server.begin();
  const page = await visit(redirectTo(server.redirectUri, { code: 'a', state }));
  assert.is(page.status, 200);
  assert.match(page.body, 'Authentication successful');
  assert.match(page.body, 'Connected to: https://mcp.example/sse');
});

seed('answers access_denied in its own words', async () => {
  await using server = await listening();
  const { state } = await server.begin();
  const page = await visit(redirectTo(server.redirectUri, { error: 'access_denied', state }));
  assert.is(page.status, 400);
  assert.match(page.body, 'You cancelled the sign-in. Start again from the app.');
  assert.not.match(page.body, 'failed');
});

seed(
  'answers access_denied with the reason of the authorization server, and does not call it a cancellation',
  async () => {
    await using server = await listening();
    const { state } = await server.begin();
    const error_description = 'User is not <assigned> to this application.';
    const page = await visit(
      redirectTo(server.redirectUri, { error: 'access_denied', error_description, state }),
    );
    assert.is(page.status, 400);
    assert.match(page.body, '<h1>You were not signed in</h1>');
    assert.match(page.body, 'User is not &lt;assigned&gt; to this application.');
    assert.match(page.body, '<code>access_denied</code>');
    assert.not.match(page.body, 'cancelled the sign-in');
  },
);

seed('answers any other error with its description', async () => {
  await using server = await listening();
  const { state } = await server.begin();
  const page = await visit(
    redirectTo(server.redirectUri, { error: 'invalid_scope', error_description: 'No such "scope"', state }),
  );
  assert.is(page.status, 400);
  assert.match(page.body, 'Authentication failed');
  assert.match(page.body, '>No such &quot;scope&quot;</p>');
});

for (const [what, params] of [
  ['no code', { state: newState() }],
  ['no state', { code: 'a' }],
  ['neither', {}],
] as const) {
  seed(`answers ${what} with 400`, async () => {
    await using server = await listening();
    assert.is((await visit(redirectTo(server.redirectUri, params))).status, 400);
  });
}

seed('answers another path with 404', async () => {
  await using server = await listening({ callbackPath: '/oauth/done' });
  const { state } = await server.begin();
  assert.match(server.redirectUri, /\/oauth\/done$/);
  const other = redirectTo(new URL('/callback', server.redirectUri).href, { code: 'a', state });
  assert.is((await visit(other)).status, 404);
  assert.is((await visit(redirectTo(server.redirectUri, { code: 'a', state }))).status, 200);
});

seed('answers another method with 405, and names the one it takes', async () => {
  await using server = await listening();
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const { status, headers } = await send(redirectTo(server.redirectUri, { code: 'a' }), {
      method,
      headers: navigation,
    });
    assert.equal([status, headers['allow']], [405, 'GET']);
  }
});

seed('result_container is filled with code and state, then result_ready is told once', async () => {
  await using bench = await container();
  const { server, resultContainer, told } = bench;
  const state = newState();
  assert.is(
    (await visit(redirectTo(server.redirectUri, { code: 'a', state, iss: 'https://as' }))).status,
    200,
  );
  assert.is(await told.next(), resultContainer);
  const { code, error, iss } = resultContainer;
  assert.equal([code, resultContainer.state, error, iss], ['a', state, undefined, 'https://as']);
  await told.ended;
  assert.equal([told.values.length, told.ending], [1, { completed: true }]);
});

seed('result_container is filled with the error', async () => {
  await using bench = await container();
  const { server, resultContainer, told } = bench;
  const answer = { error: 'access_denied', state: newState() };
  assert.is((await visit(redirectTo(server.redirectUri, answer))).status, 400);
  await told.ended;
  assert.instance(resultContainer.error, AuthorizationError);
  assert.is((resultContainer.error as AuthorizationError).error, 'access_denied');
  assert.equal([resultContainer.code, resultContainer.state], [undefined, undefined]);
});

seed('result_container takes an error without a state, as the seed does', async () => {
  await using bench = await container();
  const { status, body } = await visit(redirectTo(bench.server.redirectUri, { error: 'server_error' }));
  assert.is(status, 400);
  assert.match(body, '<code>server_error</code>');
  assert.is((bench.resultContainer.error as AuthorizationError).error, 'server_error');
});

seed('result_ready may be left out, or have a next or a complete alone', async () => {
  for (const resultReady of [undefined, { next: () => undefined }, { complete: () => undefined }]) {
    const resultContainer = new OAuthCallbackResult();
    await using server = await listening({ resultContainer, ...(resultReady && { resultReady }) });
    await visit(redirectTo(server.redirectUri, { code: 'a', state: newState() }));
    assert.is(resultContainer.code, 'a');
  }
});

seed('result_ready may throw, without harm', async () => {
  const warned: unknown[] = [];
  const failure = new Error('my mistake');
  const fail = () => {
    throw failure;
  };
  await using server = await listening({
    resultContainer: new OAuthCallbackResult(),
    resultReady: { next: fail },
    logger: { warn: (problem) => void warned.push(problem) },
  });
  const redirects = record(server.redirects);
  await visit(redirectTo(server.redirectUri, { code: 'a', state: newState() }));
  assert.is(warned[0], failure);
  assert.is((await redirects.next()).disposition, 'accepted');
});

seed('result_container is not filled by what is malformed', async () => {
  await using bench = await container();
  const { server, resultContainer, told } = bench;
  for (const query of [
    '',
    '?code=a',
    `?code=a&code=b&state=${newState()}`,
    '?code=%FF&state=S',
    '?code=a&state=',
  ]) {
    assert.is((await visit(server.redirectUri + query)).status, 400);
  }
  assert.equal([resultContainer.code, resultContainer.error, told.values.length], [undefined, undefined, 0]);
});

seed(
  'result_container ignores other redirects while a flow is pending, and takes that of the flow',
  async () => {
    await using bench = await container();
    const { server, resultContainer } = bench;
    const { state } = await server.begin();
    assert.is((await visit(redirectTo(server.redirectUri, { code: 'b', state: newState() }))).status, 400);
    assert.is(resultContainer.code, undefined);
    assert.is((await visit(redirectTo(server.redirectUri, { code: 'a', state }))).status, 200);
    assert.is(resultContainer.code, 'a');
  },
);

seed('result_container is filled by the first of two flows, and once', async () => {
  await using bench = await container();
  const { server, resultContainer, told } = bench;
  const flows = [await server.begin(), await server.begin()];
  for (const { id, state } of flows)
    await visit(redirectTo(server.redirectUri, { code: `code ${id}`, state }));
  assert.equal([resultContainer.code, resultContainer.state], [`code ${flows[0]!.id}`, flows[0]!.state]);
  assert.equal([told.values.length, told.endings], [1, 1]);
});

seed('CallbackResponse.from_dict drops unknown keys, and to_dict leaves absent ones out', () => {
  const response = CallbackResponse.fromDict({ code: 'a', state: 's', nonsense: 1 });
  assert.instance(response, CallbackResponse);
  assert.equal(response.toDict(), { code: 'a', state: 's' });
});

seed('OAuthCallbackResult holds code, state, error and iss', () => {
  assert.equal(Object.keys(new OAuthCallbackResult()), ['code', 'state', 'error', 'iss']);
});

const safe = suite('where the seed is unsafe');

/** Begins another sign-in, which the requests must leave as it is. */
async function pending() {
  const server = await listening();
  const flow = await server.begin();
  const response = record(flow.response);
  return {
    server,
    flow,
    url: redirectTo(server.redirectUri, { code: 'good', state: flow.state }),
    /** The sign-in goes on as if nothing had been. */
    async unharmed() {
      assert.equal([response.values.length, response.ending], [0, undefined]);
      const { code } = await afterGoodRedirect();
      assert.is(code, 'good');
    },
    [Symbol.asyncDispose]: () => server.close(),
  };
  async function afterGoodRedirect() {
    const good = redirectTo(server.redirectUri, { code: 'good', state: flow.state });
    assert.is((await visit(good)).status, 200);
    return firstValueFrom(flow.response);
  }
}

safe('D-01 a HEAD does not complete the flow', async () => {
  await using signIn = await pending();
  const { status, body } = await send(signIn.url, { method: 'HEAD', headers: navigation });
  assert.equal([status, body], [405, '']);
  await signIn.unharmed();
});

safe('A-01 rejects two codes', async () => {
  await using signIn = await pending();
  assert.is((await visit(`${signIn.url}&code=evil`)).status, 400);
  await signIn.unharmed();
});

safe('A-02 rejects an empty state', async () => {
  const resultContainer = new OAuthCallbackResult();
  await using server = await listening({ resultContainer });
  assert.is((await visit(redirectTo(server.redirectUri, { code: 'a', state: '' }))).status, 400);
  assert.is(resultContainer.code, undefined);
});

safe('B-04 a second redirect does not overwrite the first', async () => {
  await using bench = await container();
  const { server, resultContainer, told } = bench;
  const state = newState();
  await visit(redirectTo(server.redirectUri, { code: 'first', state }));
  assert.is((await visit(redirectTo(server.redirectUri, { code: 'second', state }))).status, 400);
  assert.is((await visit(redirectTo(server.redirectUri, { code: 'third', state: newState() }))).status, 400);
  assert.is((await visit(redirectTo(server.redirectUri, { error: 'access_denied' }))).status, 400);
  assert.equal([resultContainer.code, resultContainer.error, told.values.length], ['first', undefined, 1]);
});

safe('B-03 a bare GET does not end the sign-in of another user', async () => {
  await using signIn = await pending();
  assert.is((await visit(signIn.server.redirectUri)).status, 400);
  await signIn.unharmed();
});

safe('B-03 an error without a state does not end the sign-in of another user', async () => {
  await using signIn = await pending();
  for (const error of ['access_denied', 'server_error']) {
    const page = await visit(redirectTo(signIn.server.redirectUri, { error, error_description: 'PHISH' }));
    assert.is(page.status, 400);
    assert.not.match(page.body, /PHISH|denied/);
  }
  await signIn.unharmed();
});

safe('C-01 keeps iss', async () => {
  await using server = await listening();
  const redirects = record(server.redirects);
  const flow = await server.begin();
  const iss = 'https://as.example/tenant?x=1';
  await visit(redirectTo(server.redirectUri, { code: 'a', state: flow.state, iss }));
  assert.is((await firstValueFrom(flow.response)).iss, iss);
  assert.is((await redirects.next()).response.iss, iss);
});

safe('F-01 answers no foreign Host', async () => {
  await using signIn = await pending();
  const { port } = signIn.server.address;
  for (const host of [
    'evil.example',
    `evil.example:${port}`,
    `127.0.0.1.nip.io:${port}`,
    `localhost:${port}`,
    '127.0.0.1:1',
  ]) {
    assert.is((await send(signIn.url, { headers: { ...navigation, Host: host } })).status, 421);
  }
  await signIn.unharmed();
});

for (const [what, headers] of [
  ['an <img>', { 'Sec-Fetch-Dest': 'image', 'Sec-Fetch-Mode': 'no-cors' }],
  ['an <iframe>', { 'Sec-Fetch-Dest': 'iframe' }],
  ['a fetch()', { 'Sec-Fetch-Dest': 'empty', 'Sec-Fetch-Mode': 'no-cors' }],
  ['a fetch() with CORS', { Origin: 'https://evil.example' }],
  ['a prefetch', { 'Sec-Purpose': 'prefetch' }],
  ['a prerendering', { 'Sec-Purpose': 'prefetch;prerender' }],
] as const) {
  safe(`F-05 F-06 ${what} does not consume the code`, async () => {
    await using signIn = await pending();
    const { status } = await send(signIn.url, { headers: { ...navigation, ...headers } });
    assert.ok(status === 403 || status === 503, String(status));
    await signIn.unharmed();
  });
}

safe('F-05 a client that sends no fetch metadata is served', async () => {
  await using server = await listening();
  const { state } = await server.begin();
  assert.is((await send(redirectTo(server.redirectUri, { code: 'a', state }))).status, 200);
});

safe('E-02 advertises the address that it has bound', async () => {
  await using server = await listening();
  assert.is(new URL(server.redirectUri).host, authorityOf(server.address));
  using socket = await RawSocket.open(server.address);
  await socket.write(`GET /favicon.ico HTTP/1.1\r\nHost: ${authorityOf(server.address)}\r\n\r\n`);
  assert.match(await socket.until('\r\n\r\n'), 'HTTP/1.1 404');
});

safe('E-02 with localhost both families are held, and served', async () => {
  await using server = await listening({ host: 'localhost' });
  const { port } = server.address;
  assert.is(server.redirectUri, `http://localhost:${port}/callback`);
  for (const address of ['127.0.0.1', '::1']) {
    const { state } = await server.begin();
    using socket = await RawSocket.open({ address, port });
    await socket.write(`GET /callback?code=a&state=${state} HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`);
    assert.match(await socket.until('\r\n\r\n'), 'HTTP/1.1 200');
  }
});

safe('E-02 with localhost it fails where another socket holds [::1] on that port', async () => {
  const other = createServer().listen(0, '::1');
  try {
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const error = await assert.rejects(listening({ host: 'localhost', port }), PortInUseError);
    assert.equal([error.port, error.host], [port, '::1']);
    await assert.rejects(RawSocket.open({ address: '127.0.0.1', port }), 'ECONNREFUSED');
  } finally {
    other.close();
  }
});

safe('E-07 no sign-in begins before it listens', async () => {
  const server = createOAuthCallbackServer();
  const error = await assert.rejects(server.begin(), NotListeningError);
  assert.match(error.message, /^begin\(\) needs a running server; await listen\(\) first$/);
  assert.match(
    assert.throws(() => server.redirectUri, NotListeningError).message,
    /^redirectUri needs a running server; await listen\(\) first$/,
  );
  await server.close();
});

safe('G-03 no page loads anything from anywhere', async () => {
  await using server = await listening({ serverUrl: 'mcp' });
  const { state } = await server.begin();
  for (const url of [
    redirectTo(server.redirectUri, { code: 'a', state }),
    redirectTo(server.redirectUri, { code: 'a', state }),
    `${server.redirectUri}/other`,
  ]) {
    const { body, headers } = await visit(url);
    // The one script that there is cleans the address bar, and is allowed by its hash alone.
    assert.not.match(
      body.replace(cleanUrlScript, '').replace('<script data-page', '<'),
      /https?:|\/\/|src=|href=|<script|<link|<img|@import|url\(/i,
    );
    assert.match(headers['content-security-policy']!, "default-src 'none'");
  }
});

html.run();
seed.run();
safe.run();
