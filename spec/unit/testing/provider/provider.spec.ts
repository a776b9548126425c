import { createServer } from 'node:http';
import { startFakeProvider, visit, type FakeProviderOptions } from '../../../../src/testing.ts';
import * as assert from '../../../helpers/assert.ts';
import {
  codeOf,
  deviceGrantType,
  fails,
  post,
  redeem,
  redirectUri,
  refresh,
  register,
  request,
  respond,
} from '../../../helpers/fake-client.ts';
import { listenOnLoopback } from '../../../helpers/loopback.ts';
import { suite } from '../../../helpers/suite.ts';

const test = suite('fake provider');

test('publishes its metadata at both places, as changed by the option', async () => {
  await using provider = await startFakeProvider({
    metadata: { registration_endpoint: undefined, extra: 1 },
  });
  for (const name of ['oauth-authorization-server', 'openid-configuration']) {
    const answer = await fetch(`${provider.issuer}/.well-known/${name}`);
    assert.equal(await answer.json(), provider.metadata);
  }
  assert.equal([provider.metadata['issuer'], provider.metadata['extra']], [provider.issuer, 1]);
  assert.not.ok('registration_endpoint' in provider.metadata);
});

test('rejects metadata of clients that it cannot use', async () => {
  await using provider = await startFakeProvider();
  for (const [metadata, error] of [
    ['no JSON', 'invalid_client_metadata'],
    ['null', 'invalid_client_metadata'],
    [{}, 'invalid_redirect_uri'],
    [{ redirect_uris: [] }, 'invalid_redirect_uri'],
    [{ redirect_uris: ['/relative'] }, 'invalid_redirect_uri'],
    [{ redirect_uris: ['javascript:1'] }, 'invalid_redirect_uri'],
    [{ redirect_uris: [`${redirectUri}#fragment`] }, 'invalid_redirect_uri'],
    [{ redirect_uris: [redirectUri], grant_types: 'authorization_code' }, 'invalid_client_metadata'],
    [
      { redirect_uris: [redirectUri], token_endpoint_auth_method: 'private_key_jwt' },
      'invalid_client_metadata',
    ],
  ] as const)
    await fails(register(provider, metadata), error);
  const form = post(`${provider.issuer}/register`, { redirect_uris: redirectUri });
  await fails(form, 'invalid_client_metadata');
});

test('registers a client of devices without a redirect URI, and says what it has registered', async () => {
  await using provider = await startFakeProvider();
  const grant_types = [deviceGrantType];
  const { status, body } = await register(provider, { grant_types, token_endpoint_auth_method: 'none' });
  assert.equal([status, body['grant_types'], body['redirect_uris']], [201, grant_types, []]);
  const client_id = String(body['client_id']);
  assert.is((await post(`${provider.issuer}/device_authorization`, { client_id })).status, 200);
  assert.is(await codeOf(provider, { client_id }), '');
  const usual = await register(provider, { redirect_uris: [redirectUri] });
  assert.equal([usual.body['grant_types'], usual.body['response_types']], [['authorization_code'], ['code']]);
});

test('does not redirect for a client or a redirect URI that it does not know', async () => {
  await using provider = await startFakeProvider();
  for (const more of [{ client_id: 'x' }, { redirect_uri: 'x' }, { redirect_uri: 'ftp://127.0.0.1/' }]) {
    const url = `${provider.authorizationEndpoint}?${String(new URLSearchParams(request(provider, more)))}`;
    const page = await visit(url);
    assert.equal([page.status, page.title], [400, 'This sign-in cannot begin']);
  }
});

test('answers what no client should ask', async () => {
  await using provider = await startFakeProvider();
  assert.is((await fetch(`${provider.issuer}/none`)).status, 404);
  assert.is((await fetch(provider.tokenEndpoint)).status, 405);
  const { clientId: client_id } = provider;
  await fails(post(provider.tokenEndpoint, { client_id, grant_type: 'password' }), 'unsupported_grant_type');
  for (const grant_type of ['', 'authorization_code', 'refresh_token', deviceGrantType])
    await fails(post(provider.tokenEndpoint, { client_id, grant_type }), 'invalid_request');
  await fails(post(`${provider.issuer}/revoke`, { client_id }), 'invalid_request');
  await fails(post(provider.tokenEndpoint, { client_id: 'x' }), 'invalid_client', 401);
  await fails(refresh(provider, 'x'), 'invalid_grant');
  await fails(redeem(provider, 'x'), 'invalid_grant');
  await fails(post(`${provider.issuer}/par`, { client_id }), 'invalid_request');
});

test('keeps the requests with their parameters, and the tokens', async () => {
  await using provider = await startFakeProvider();
  const { body } = await redeem(provider, await codeOf(provider));
  assert.equal(
    provider.requests.map(({ endpoint, method, path }) => [endpoint, method, path]),
    [
      ['authorization', 'GET', '/authorize'],
      ['token', 'POST', '/token'],
    ],
  );
  assert.equal(
    provider.requests.map(({ parameters }) => parameters['client_id']),
    [provider.clientId, provider.clientId],
  );
  const [access, second] = provider.tokens;
  assert.equal([access?.value, second?.value], [body['access_token'], body['refresh_token']]);
  assert.equal(
    [access?.scope, access?.subject, access?.clientId],
    ['openid notes', 'ada', provider.clientId],
  );
});

test('narrows the scope of a refresh, and does not widen it', async () => {
  await using provider = await startFakeProvider();
  const { body } = await redeem(provider, await codeOf(provider));
  await fails(refresh(provider, body['refresh_token'], { scope: 'openid mail' }), 'invalid_scope');
  const { body: narrow } = await refresh(provider, body['refresh_token'], { scope: 'notes' });
  assert.equal([narrow['scope'], 'id_token' in narrow], ['notes', false]);
});

test('expires access tokens', async () => {
  await using provider = await startFakeProvider({ accessTokenTtl: 1 });
  const { body } = await redeem(provider, await codeOf(provider));
  assert.is(body['expires_in'], 1);
  const { now } = Date;
  try {
    Date.now = () => now() + 1_000;
    assert.equal(
      provider.tokens.map(({ active }) => active),
      [false, true],
    );
  } finally {
    Date.now = now;
  }
});

test('answers requests that real servers answer with these errors', async () => {
  await using provider = await startFakeProvider({ consent: 'ask' });
  for (const [more, error] of [
    [{ request: 'eyJhbGciOiJub25lIn0.e30.' }, 'request_not_supported'],
    [{ prompt: 'none' }, 'consent_required'],
    [{ response_mode: 'fragment' }, 'invalid_request'],
    [{ response_type: 'token' }, 'unsupported_response_type'],
  ] as const)
    assert.is((await respond(provider, request(provider, more))).get('error'), error);
});

test('gives claims for the scope openid only', async () => {
  await using provider = await startFakeProvider();
  const statusFor = async (scope: string): Promise<number> => {
    const { body } = await redeem(provider, await codeOf(provider, { scope }));
    const headers = { Authorization: `Bearer ${String(body['access_token'])}` };
    return (await fetch(`${provider.issuer}/userinfo`, { headers })).status;
  };
  assert.equal([await statusFor('openid'), await statusFor('notes')], [200, 403]);
});

test('closes its port and connections, and may be closed again', async () => {
  const provider = await startFakeProvider();
  provider.answerNext({ delay: new Promise(() => undefined) });
  const hanging = assert.rejects(codeOf(provider));
  while (provider.requests.length === 0) await new Promise(setImmediate);
  await provider.close();
  await provider.close();
  await hanging;
  await assert.rejects(fetch(provider.issuer));
});

test('rejects options and answers that it does not know', async () => {
  for (const [options, option] of [
    [{ client: [] }, 'client'],
    [{ clients: [] }, 'clients'],
    [{ clients: [{ id: 'x' }] }, 'id'],
    [{ clients: [{}] }, 'clientId'],
    [{ consent: true }, 'consent'],
    [{ accessTokenTtl: 0 }, 'accessTokenTtl'],
    [{ deviceInterval: 0.5 }, 'deviceInterval'],
    [{ answer: { code: 'x' } }, 'code'],
  ] as const) {
    const error = await assert.rejects(startFakeProvider(options as FakeProviderOptions), 'invalid_option');
    assert.match(error.message, option);
  }
  await using provider = await startFakeProvider();
  for (const answer of [
    { redirects: 0 },
    { delay: -1 },
    { omit: 'state' },
    { error: 1 },
    { responseMode: 'fragment' },
    { omit: ['iss'], parameters: { iss: 'x' } },
  ])
    assert.throws(() => provider.answerNext({}, answer as object), 'invalid_option');
  assert.ok(await codeOf(provider));
});

test('sends repeated redirects itself, whether or not the program answers', async () => {
  const { http, origin, ...web } = await listenOnLoopback(createServer());
  try {
    const seen: string[] = [];
    http.on('request', (incoming, response) => {
      seen.push(`${incoming.method} ${incoming.headers['sec-fetch-site']}`);
      if (seen.length === 1) response.destroy();
      else response.end('ok');
    });
    await using provider = await startFakeProvider();
    for (const responseMode of ['query', 'form_post'] as const) {
      provider.answerNext({ redirects: 3, responseMode });
      const fields = request(provider, { redirect_uri: `${origin}/callback` });
      await visit(`${provider.authorizationEndpoint}?${String(new URLSearchParams(fields))}`);
    }
    assert.equal(seen, [
      ...['GET cross-site', 'GET cross-site', 'GET none'],
      ...['POST cross-site', 'POST cross-site', 'POST same-site'],
    ]);
  } finally {
    await web[Symbol.asyncDispose]();
  }
});

test.run();
