import { generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { firstValueFrom, toArray, VirtualTimeScheduler } from 'rxjs';
import { Browser } from '../../../src/testing/browser.ts';
import { headlineOf } from '../../../src/testing/html.ts';
import { connectCallbackHost } from '../../../src/client.ts';
import { AuthorizationError, FlowExpiredError, type CallbackHost } from '../../../src/index.ts';
import { refresh, signIn, tokens, Tokens, type SignInOptions } from '../../../src/login.ts';
import * as assert from '../../helpers/assert.ts';
import { token, withBridge } from '../../helpers/bridge.ts';
import { withServer } from '../../helpers/endpoint.ts';
import { send, visit, type HttpAnswer } from '../../helpers/http.ts';
import { comingBack, json, startIssuer } from '../../helpers/issuer.ts';
import { clientId, confidential, startProvider, subject } from '../../helpers/provider.ts';
import { refuses } from '../../helpers/sockets.ts';
import { suite } from '../../helpers/suite.ts';
import { Watched } from '../../helpers/watched.ts';

const test = suite('signIn');

const settle = 60_000;

type Hosts = (body: (host: { host?: CallbackHost }) => Promise<void>) => Promise<void>;

const hosts: Readonly<Record<string, Hosts>> = {
  'a server of its own': (body) => body({}),
  'a server that is there': (body) => withServer({ settle }, ({ server }) => body({ host: server })),
  'a service over the bridge': (body) =>
    withBridge(
      async ({ url }) => {
        const host = await connectCallbackHost(url, { token });
        try {
          await body({ host });
        } finally {
          await host.close();
        }
      },
      {},
      { settle },
    ),
};

for (const [where, use] of Object.entries(hosts)) {
  test(`signs in at ${where}, reports each step, and the page shows the outcome`, () =>
    use(async (host) => {
      await using as = await startProvider();
      using watched = new Watched(signIn({ issuer: as.issuer, clientId, scope: 'openid notes', ...host }));
      const page = await watched.visit();
      const { access_token, claims, issuer, scope } = await watched.tokens();
      assert.equal([claims?.sub, issuer, scope], [subject, as.issuer, 'openid notes']);
      assert.ok(access_token.length > 20);
      assert.equal([page.status, headlineOf(page.html)], [200, 'Authentication successful']);
      assert.equal(watched.types, ['discovered', 'authorize', 'waiting', 'received', 'exchanged']);
      await watched.ended();
      assert.equal([watched.completed, watched.errors], [true, []]);
      const { expiresAt, at } = await watched.next('waiting');
      assert.ok(expiresAt > at + 500_000 && expiresAt < at + 700_000);
    }));

  test(`reports a denial at ${where} as a value`, () =>
    use(async (host) => {
      await using as = await startProvider({ answer: 'deny' });
      using watched = new Watched(signIn({ issuer: as.issuer, clientId, scope: 'openid', ...host }));
      const page = await watched.visit();
      const error = await watched.failure();
      assert.instance(error, AuthorizationError);
      assert.equal([error.code, watched.errors], ['authorization_error', []]);
      assert.match(page.html, 'Sign-in cancelled');
      assert.not.ok(as.requests.includes('POST /token'));
    }));

  test(`says on the page at ${where} that the exchange failed`, () =>
    use(async (host) => {
      await using as = await startIssuer({
        token: (_form, response) =>
          json(response, 400, { error: 'invalid_grant', error_description: 'CODE <b>is</b>\u001b[31m gone' }),
      });
      using watched = new Watched(signIn({ issuer: as.issuer, clientId, ...host }));
      const { url } = await watched.next('authorize');
      const page = await visit(comingBack(url, { code: 'CODE' }));
      const error = await watched.failure();
      assert.is(
        error.message,
        `the token endpoint of ${as.issuer} answered invalid_grant: [redacted] <b>is</b>?[31m gone`,
      );
      assert.equal([error.code, 'error' in error && error.error], ['token_request_failed', 'invalid_grant']);
      assert.match(page.body, 'Authentication failed');
      assert.match(page.body, 'answered invalid_grant: [redacted] &lt;b&gt;is&lt;/b&gt;?[31m gone');
    }));

  test(`rejects responses of another issuer at ${where}, and keeps waiting`, () =>
    use(async (host) => {
      await using as = await startProvider();
      using watched = new Watched(signIn({ issuer: as.issuer, clientId, scope: 'openid', ...host }));
      const { url } = await watched.next('authorize');
      for (const iss of [{ iss: 'https://evil.example' }, { iss: `${as.issuer}/` }, {}]) {
        assert.is((await visit(comingBack(url, { code: 'stolen', ...iss }))).status, 400);
      }
      assert.not.ok(as.requests.includes('POST /token'));
      await watched.visit();
      assert.is((await watched.tokens()).claims?.sub, subject);
    }));

  test(`reports each way in which redirects of it are rejected at ${where}, once, and goes on`, () =>
    use(async (host) => {
      await using as = await startProvider();
      using watched = new Watched(signIn({ issuer: as.issuer, clientId, scope: 'openid', ...host }));
      const { url } = await watched.next('authorize');
      for (const iss of [`${as.issuer}/`, 'https://evil.example', undefined])
        await visit(comingBack(url, { code: 'CANARY', ...(iss !== undefined && { iss }) }));
      const own = comingBack(url, { code: 'CANARY' });
      await visit(own.replace(/state=[^&]*/, 'state=of-another-sign-in'));
      const { disposition, reason, flowId } = await watched.next('rejected');
      assert.equal(
        [disposition, reason, flowId],
        ['wrong_issuer', undefined, (await watched.next('waiting')).flowId],
      );
      await watched.visit();
      await watched.tokens();
      await watched.ended();
      assert.equal(watched.types, [
        'discovered',
        'authorize',
        'waiting',
        'rejected',
        'received',
        'exchanged',
      ]);
      assert.not.match(inspect(watched.events, { depth: Infinity, showHidden: true }), 'CANARY');
    }));

  test(`ends when the time is up at ${where}`, () =>
    use(async (host) => {
      await using as = await startIssuer();
      using watched = new Watched(signIn({ issuer: as.issuer, clientId, timeout: 50, ...host }));
      assert.instance(await watched.failure(), FlowExpiredError);
      assert.equal(watched.types, ['discovered', 'authorize', 'waiting', 'failed']);
    }));
}

test('reports a redirect in another mode, to another host, and one that is not valid', async () => {
  await using as = await startIssuer();
  using watched = new Watched(signIn({ issuer: as.issuer, clientId }));
  const { url } = await watched.next('authorize');
  const own = new URL(comingBack(url, { code: 'c' }));
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
  for (const headers of [form, { ...form, Host: `localhost:${own.port}` }])
    await send(own, { method: 'POST', target: '/callback', headers, body: own.search.slice(1) });
  await visit(own, undefined, { Host: `localhost:${own.port}` });
  await visit(own.href.replace('code=c', 'code='));
  await visit(own);
  await watched.next('received');
  assert.equal(
    watched.events.flatMap((event) => (event.type === 'rejected' ? [[event.disposition, event.reason]] : [])),
    [
      ['wrong_response_mode', undefined],
      ['refused', 'wrong_host'],
      ['malformed', 'missing_code'],
    ],
  );
});

test('E-05 E-07 opens its port when the sign-in starts, answers before the URL is known, and closes it after the page', async () => {
  await using as = await startProvider();
  let answered: Promise<HttpAnswer> | undefined;
  using watched = new Watched(signIn({ issuer: as.issuer, clientId, scope: 'openid' }), (event) => {
    if (event.type === 'discovered') assert.is(answered, undefined);
    if (event.type === 'authorize') answered = visit(event.url.searchParams.get('redirect_uri')!);
  });
  const { url } = await watched.next('authorize');
  assert.is((await answered)?.status, 400);
  const page = await watched.visit();
  assert.match(page.html, '</html>');
  await closes(url);
});

test('emits only the tokens, or the error', async () => {
  await using as = await startProvider();
  const opened = (event: { type: string; url?: URL }): void => void (event.url && visitAs(event.url));
  const events = signIn({ issuer: as.issuer, clientId, scope: 'openid' });
  const seen = firstValueFrom(events.pipe(tokens()));
  using watched = new Watched(events, (event) => opened(event));
  assert.is((await seen).claims?.sub, subject);
  assert.ok(watched.events.length > 3, 'and both have joined one sign-in');
  assert.is(as.requests.filter((line) => line === 'POST /token').length, 1);

  const nobody = signIn({ issuer: as.issuer, clientId: 'nobody', timeout: 20 });
  await assert.rejects(firstValueFrom(nobody.pipe(tokens())), FlowExpiredError);
  assert.is((await firstValueFrom(nobody.pipe(toArray()))).at(-1)?.type, 'failed');
});

test('B-12 has a verifier, a state and a nonce of its own for each, and none of them in what is printed', async () => {
  await using as = await startProvider();
  const seen = new Set<string>();
  for (let round = 0; round < 3; round++) {
    using watched = new Watched(signIn({ issuer: as.issuer, clientId, scope: 'openid' }));
    const { url } = await watched.next('authorize');
    assert.is(url.searchParams.get('code_challenge_method'), 'S256');
    const secrets = ['state', 'nonce', 'code_challenge'].map((name) => url.searchParams.get(name)!);
    for (const secret of secrets) {
      assert.ok(secret.length >= 43 && !seen.has(secret));
      seen.add(secret);
    }
    await watched.visit();
    const { access_token, id_token } = await watched.tokens();
    const print = watched.events
      .flatMap((event) => [JSON.stringify(event), inspect(event, { depth: Infinity, showHidden: true })])
      .join('\n');
    for (const secret of [...secrets, access_token, id_token!]) assert.not.match(print, secret);
  }
});

test('registers if there is no client id, with exactly the redirect URI of the flow', async () => {
  await using as = await startProvider({ registration: true });
  using watched = new Watched(
    signIn({ issuer: as.issuer, clientName: 'A program', scope: 'openid offline_access', context: 'as-1' }),
  );
  const { clientId: id, clientSecret } = await watched.next('registered');
  const { url } = await watched.next('authorize');
  assert.equal([url.searchParams.get('client_id'), clientSecret], [id, undefined]);
  assert.match(url.searchParams.get('redirect_uri') ?? '', /\/callback\/as-1$/);
  await watched.visit();
  const { client_id, refresh_token } = await watched.tokens();
  assert.is(client_id, id);
  assert.ok(refresh_token);
});

test('keeps the secret that a registration gives to itself, and uses it', async () => {
  await using as = await startIssuer({
    metadata: { token_endpoint_auth_methods_supported: ['client_secret_post'] },
    register: (body, response) =>
      json(response, 201, {
        ...body,
        client_id: 'made',
        client_secret: 'CANARY-secret',
        client_secret_expires_at: 0,
        token_endpoint_auth_method: 'client_secret_post',
      }),
    token: (form, response) =>
      json(response, 200, { access_token: form.get('client_secret'), token_type: 'Bearer' }),
  });
  using watched = new Watched(signIn({ issuer: as.issuer }));
  const event = await watched.next('registered');
  assert.is(event.clientSecret, 'CANARY-secret');
  assert.not.match(JSON.stringify(event) + inspect(event, { showHidden: true }), 'CANARY');
  await visit(comingBack((await watched.next('authorize')).url, { code: 'c' }));
  assert.is((await watched.tokens()).access_token, 'CANARY-secret');
});

test('says why a registration fails', async () => {
  await using without = await startIssuer();
  await using unwilling = await startIssuer({
    register: (_body, response) => json(response, 400, { error: 'invalid_redirect_uri' }),
  });
  using one = new Watched(signIn({ issuer: without.issuer }));
  using other = new Watched(signIn({ issuer: unwilling.issuer }));
  const [needs, refused] = [await one.failure(), await other.failure()];
  assert.equal([needs.code, refused.code], ['registration_failed', 'registration_failed']);
  assert.is(needs.message, `the issuer ${without.issuer} does not register clients; a client id is required`);
  assert.match(refused.message, 'answered invalid_redirect_uri');
  assert.not.ok(one.types.includes('authorize') || other.types.includes('authorize'));
});

test('authenticates a confidential client', async () => {
  await using as = await startProvider();
  const { id, secret } = confidential;
  const options = { issuer: as.issuer, clientId: id, clientSecret: secret, scope: 'openid' };
  using watched = new Watched(signIn(options));
  await watched.visit();
  assert.is((await watched.tokens()).client_id, id);

  using wrong = new Watched(signIn({ ...options, clientSecret: 'CANARY-not-the-secret' }));
  await wrong.visit();
  const error = await wrong.failure();
  assert.match(error.message, 'invalid_client');
  assert.not.match(inspect(error, { depth: Infinity, showHidden: true }), 'CANARY');
});

test('sends a secret in the configured way, or in the way that the server supports', async () => {
  const methods: string[] = [];
  await using as = await startIssuer({
    token: (form, response) => {
      methods.push(form.has('client_secret') ? 'post' : 'basic');
      json(response, 200, { access_token: 'a', token_type: 'bearer' });
    },
  });
  const post = { token_endpoint_auth_methods_supported: ['client_secret_post'] };
  const known = {
    issuer: as.issuer,
    authorization_endpoint: `${as.issuer}/authorize`,
    token_endpoint: `${as.issuer}/token`,
  };
  for (const each of [
    {},
    { clientAuthentication: 'client_secret_post' } as const,
    { metadata: { ...known, ...post } },
  ] satisfies Partial<SignInOptions>[]) {
    using watched = new Watched(signIn({ issuer: as.issuer, clientId, clientSecret: 's', ...each }));
    await visit(comingBack((await watched.next('authorize')).url, { code: 'c' }));
    await watched.tokens();
  }
  assert.equal(methods, ['basic', 'post', 'post']);
  assert.is(
    as.requests.filter(({ line }) => line.startsWith('GET')).length,
    2,
    'given metadata is not asked for',
  );
});

test('sends resource, parameters and the redirect URI as they are registered', async () => {
  const forms: URLSearchParams[] = [];
  await using as = await startIssuer({
    token: (form, response) => {
      forms.push(form);
      json(response, 200, { access_token: 'a', token_type: 'bearer' });
    },
  });
  await withServer({ callbackPath: '/cb?env=1' }, async ({ server }) => {
    const resource = ['https://api.example/', 'https://other.example/'];
    const parameters = { login_hint: 'ada', prompt: 'login' };
    using watched = new Watched(
      signIn({
        issuer: as.issuer,
        clientId,
        scope: 'openid offline_access',
        resource,
        parameters,
        host: server,
        singleFlight: false,
      }),
    );
    const { url } = await watched.next('authorize');
    assert.equal(
      [...url.searchParams.getAll('resource'), url.searchParams.get('login_hint')],
      [...resource, 'ada'],
    );
    assert.is(url.searchParams.get('prompt'), 'login');
    await visit(comingBack(url, { code: 'c' }));
    await watched.failure();
    const [form] = forms;
    assert.equal(form?.getAll('resource'), resource);
    assert.is(form?.get('redirect_uri'), server.redirectUri);
    assert.ok(form?.get('code_verifier'));
  });
  using consents = new Watched(signIn({ issuer: as.issuer, clientId, scope: 'openid offline_access' }));
  assert.is((await consents.next('authorize')).url.searchParams.get('prompt'), 'consent');
});

const unholding: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'no ID token where one was asked for': {},
  'an ID token that is none': { id_token: 'CANARY.x.y' },
  'no access token': { access_token: undefined },
  'another token type that nobody knows': { token_type: 5 },
};

for (const [what, change] of Object.entries(unholding)) {
  test(`refuses a token response with ${what}, and prints none of it`, async () => {
    await using as = await startIssuer({
      token: (_form, response) =>
        json(response, 200, {
          access_token: 'CANARY-access',
          refresh_token: 'CANARY-refresh',
          token_type: 'bearer',
          ...change,
        }),
    });
    using watched = new Watched(signIn({ issuer: as.issuer, clientId, scope: 'openid' }));
    await visit(comingBack((await watched.next('authorize')).url, { code: 'CANARY-code' }));
    const error = await watched.failure();
    assert.is(error.code, 'token_request_failed');
    const printed = inspect(error, { depth: Infinity, showHidden: true }) + JSON.stringify(watched.events);
    assert.not.match(printed, 'CANARY');
  });
}

test('rejects an ID token whose signature is not of the issuer if it came without TLS', async () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: 'spec', use: 'sig', alg: 'RS256' }];
  await using as = await startProvider({
    intercept: ({ url }, response) => {
      if (url === '/jwks') json(response, 200, { keys });
      return url === '/jwks';
    },
  });
  using watched = new Watched(signIn({ issuer: as.issuer, clientId, scope: 'openid' }));
  await watched.visit();
  assert.match((await watched.failure()).message, 'signature');
});

test('sends the code verifier, without which the server gives nothing', async () => {
  await using as = await startProvider();
  using watched = new Watched(signIn({ issuer: as.issuer, clientId, scope: 'openid' }));
  const { url } = await watched.next('authorize');
  url.searchParams.set('code_challenge', 'a-challenge-of-somebody-else-01234567890123');
  await new Browser().open(url);
  assert.match((await watched.failure()).message, 'invalid_grant');
});

test('follows no redirect of a token endpoint', async () => {
  await using other = await startIssuer();
  await using as = await startIssuer({
    token: (_form, response) => response.writeHead(307, { Location: `${other.issuer}/token` }).end(),
  });
  using watched = new Watched(signIn({ issuer: as.issuer, clientId }));
  await visit(comingBack((await watched.next('authorize')).url, { code: 'c' }));
  assert.match((await watched.failure()).message, 'answered 307');
  assert.equal(other.requests, []);
});

test('says that the host has closed, or has too many flows', async () => {
  await using as = await startIssuer();
  await withServer({ maxFlows: 1 }, async ({ server }) => {
    using watched = new Watched(signIn({ issuer: as.issuer, clientId, host: server }));
    await watched.next('waiting');
    using more = new Watched(signIn({ issuer: as.issuer, clientId: 'another', host: server }));
    assert.is((await more.failure()).code, 'too_many_flows');
    await server.close();
    assert.is((await watched.failure()).code, 'closed');
  });
});

test('says that the service elsewhere rejects the token', async () => {
  await using as = await startIssuer();
  await withBridge(async ({ url, bridge }) => {
    await using host = await connectCallbackHost(url, { token, report: () => undefined });
    using watched = new Watched(signIn({ issuer: as.issuer, clientId, host }));
    await watched.next('waiting');
    bridge.setTokens([]);
    assert.is((await watched.failure()).code, 'closed');
    using more = new Watched(signIn({ issuer: as.issuer, clientId, host }));
    assert.is((await more.failure()).code, 'closed');
  });
});

test('says that the port is taken', async () => {
  await using as = await startIssuer();
  await withServer({}, async ({ port }) => {
    using watched = new Watched(signIn({ issuer: as.issuer, clientId, server: { port } }));
    assert.match((await watched.failure()).message, `port ${port} on 127.0.0.1 is in use`);
  });
});

test('passes a defect of a host on as an error', async () => {
  await using as = await startIssuer();
  const defect = new RangeError('a defect');
  const host = { begin: () => Promise.reject(defect) } as unknown as CallbackHost;
  using watched = new Watched(signIn({ issuer: as.issuer, clientId, host }));
  await watched.ended();
  assert.equal([watched.types, watched.errors], [['discovered'], [defect]]);
});

test('refreshes once for all subscribers, and keeps fields that the server leaves out', async () => {
  await using as = await startProvider();
  using watched = new Watched(signIn({ issuer: as.issuer, clientId, scope: 'openid offline_access' }));
  await watched.visit();
  const before = await watched.tokens();
  const [after, too] = await Promise.all([firstValueFrom(refresh(before)), firstValueFrom(refresh(before))]);
  assert.is(after, too);
  assert.is.not(after.access_token, before.access_token);
  assert.equal([after.client_id, after.issuer, after.claims?.sub], [clientId, as.issuer, subject]);
  assert.is(as.requests.filter((line) => line === 'POST /token').length, 2);
  // A public client's refresh token is rotated; this one is used up by somebody else.
  const { refresh_token = '' } = after;
  const body = new URLSearchParams({ grant_type: 'refresh_token', client_id: clientId, refresh_token });
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  const request = { method: 'POST', headers, body: String(body) };
  assert.is((await send(`${as.issuer}/token`, request)).status, 200);
  const error = await assert.rejects(firstValueFrom(refresh(after)), 'token_request_failed');
  assert.match(error.message, 'invalid_grant');
  assert.not.match(inspect(error, { depth: Infinity }), refresh_token);

  await using plain = await startIssuer({
    token: (_form, response) => json(response, 200, { access_token: 'b', token_type: 'bearer' }),
  });
  const kept = {
    issuer: plain.issuer,
    client_id: clientId,
    access_token: 'a',
    token_type: 'bearer',
    refresh_token: 'r',
  };
  const renewed = await firstValueFrom(refresh(Tokens.fromDict(kept)));
  assert.equal([renewed.access_token, renewed.refresh_token], ['b', 'r']);
});

const held = (issuer: string): Tokens =>
  Tokens.fromDict({
    issuer,
    client_id: clientId,
    access_token: 'a',
    token_type: 'bearer',
    refresh_token: 'r',
    scope: 'openid mail',
  });

test('keeps the scope if a refresh does not name one, or takes the one that was asked for', async () => {
  await using as = await startIssuer({
    token: (_form, response) => json(response, 200, { access_token: 'b', token_type: 'bearer' }),
  });
  const asked = [undefined, 'openid'].map((scope) =>
    firstValueFrom(refresh(held(as.issuer), scope === undefined ? {} : { scope })),
  );
  assert.equal(
    (await Promise.all(asked)).map(({ scope }) => scope),
    ['openid mail', 'openid'],
  );
});

test('does not share the tokens of a refresh for another scope or resource', async () => {
  await using as = await startIssuer({
    token: (form, response) => {
      const access_token = `for-${form.get('scope') ?? form.get('resource') ?? 'all'}`;
      json(response, 200, { access_token, token_type: 'bearer' });
    },
  });
  const asked = [{}, { scope: 'mail' }, { resource: 'https://api.example' }].map((options) =>
    firstValueFrom(refresh(held(as.issuer), options)),
  );
  assert.equal(
    (await Promise.all(asked)).map(({ access_token }) => access_token),
    ['for-all', 'for-mail', 'for-https://api.example'],
  );
});

test('keeps tokens whatever time the server puts beside them', async () => {
  for (const expires_at of ['2030-01-01T00:00:00Z', 1_900_000_000, null]) {
    await using as = await startIssuer({
      token: (_form, response) =>
        json(response, 200, { access_token: 'b', token_type: 'bearer', expires_at }),
    });
    const renewed = await firstValueFrom(refresh(held(as.issuer)));
    assert.equal([renewed.access_token, renewed.expiresAt], ['b', undefined]);
  }
});

test('keeps what it has of a field that a refresh leaves empty', async () => {
  for (const empty of ['', null, []]) {
    await using as = await startIssuer({
      token: (_form, response) =>
        json(response, 200, {
          access_token: 'b',
          token_type: 'bearer',
          scope: empty,
          refresh_token: empty,
          id_token: empty,
          expires_in: empty,
        }),
    });
    const renewed = await firstValueFrom(refresh(held(as.issuer)));
    const { access_token, scope, refresh_token, expiresAt } = renewed;
    assert.equal([access_token, scope, refresh_token, expiresAt], ['b', 'openid mail', 'r', undefined]);
    assert.ok(Tokens.fromDict(renewed.toDict()).equals(renewed));
  }
});

test('follows a scheduler of the host', async () => {
  await using as = await startIssuer();
  const scheduler = new VirtualTimeScheduler();
  await withServer({ scheduler }, async ({ server }) => {
    using watched = new Watched(signIn({ issuer: as.issuer, clientId, host: server, timeout: 60_000 }));
    assert.is((await watched.next('waiting')).expiresAt, 60_000);
    scheduler.flush();
    assert.is((await watched.failure()).code, 'expired');
  });
});

test.run();

function visitAs(url: URL): Promise<unknown> {
  return new Browser().open(url);
}

/** Resolves once nobody listens at the redirect URI any more. */
async function closes(authorizationUrl: URL): Promise<void> {
  const { hostname, port } = new URL(authorizationUrl.searchParams.get('redirect_uri')!);
  await refuses(Number(port), hostname);
}
