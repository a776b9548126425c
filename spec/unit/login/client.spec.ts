import { firstValueFrom } from 'rxjs';
import { refresh, signIn, Tokens } from '../../../src/login.ts';
import * as assert from '../../helpers/assert.ts';
import { visit } from '../../helpers/http.ts';
import { comingBack, json, startIssuer, type Issuer } from '../../helpers/issuer.ts';
import { startProvider } from '../../helpers/provider.ts';
import { suite } from '../../helpers/suite.ts';
import { Watched } from '../../helpers/watched.ts';

const test = suite('clients');

const bearer = { access_token: 'a', token_type: 'bearer' };

/** Encoding of forms, spelled out: a browser and this package must make the same of a text. */
const encodings: readonly (readonly [text: string, encoded: string])[] = [
  ['7f9c-11aa_x.y*z', '7f9c-11aa_x.y*z'],
  ["~!'()", '%7E%21%27%28%29'],
  ['a b+c', 'a+b%2Bc'],
  ['100%:/&=', '100%25%3A%2F%26%3D'],
  ['schlüssel', 'schl%C3%BCssel'],
];

test('sends id and secret in the header as forms encode them', async () => {
  await using as = await startIssuer({ token: (_form, response) => json(response, 200, bearer) });
  const { issuer } = as;
  for (const [text, encoded] of encodings) {
    const kept = Tokens.fromDict({ ...bearer, issuer, client_id: text, refresh_token: 'r' });
    await firstValueFrom(refresh(kept, { clientSecret: text }));
    const [scheme, credentials = ''] = as.requests.at(-1)!.headers.authorization!.split(' ');
    assert.equal(
      [scheme, Buffer.from(credentials, 'base64').toString()],
      ['Basic', `${encoded}:${encoded}`],
      text,
    );
  }
});

test('sends the secret of a registered client in the header too', async () => {
  await using as = await startIssuer({
    register: (body, response) =>
      json(response, 201, {
        ...body,
        client_id: 'id-1',
        client_secret: 's_1.~',
        token_endpoint_auth_method: null,
      }),
    token: (_form, response) => json(response, 200, bearer),
  });
  using watched = new Watched(signIn({ issuer: as.issuer }));
  await visit(comingBack((await watched.next('authorize')).url, { code: 'c' }));
  await watched.tokens();
  assert.is(as.requests.at(-1)!.headers.authorization, `Basic ${btoa('id-1:s_1.%7E')}`);
});

const registrations = ({ requests }: Issuer): Record<string, unknown>[] =>
  requests
    .filter(({ line }) => line === 'POST /register')
    .map(({ body }) => JSON.parse(body) as Record<string, unknown>);

for (const [status, body] of [
  [400, { error: 'invalid_client_metadata', error_description: 'scope must be supported' }],
  [400, { error: 'invalid_scope' }],
  [403, { error: 'insufficient_scope', error_description: "Policy 'Allowed Client Scopes' rejected it" }],
  [422, { detail: [{ loc: ['body', 'scope'] }] }],
  [400, undefined],
] as const)
  test(`registers once more without a scope that is answered ${status} ${JSON.stringify(body)}`, async () => {
    await using as = await startIssuer({
      register: (asked, response) =>
        'scope' in asked
          ? json(response, status, body)
          : json(response, 201, { ...asked, client_id: 'made' }),
    });
    using watched = new Watched(signIn({ issuer: as.issuer, scope: 'notes' }));
    const { url } = await watched.next('authorize');
    // The sign-in still asks for it.
    assert.equal([url.searchParams.get('client_id'), url.searchParams.get('scope')], ['made', 'notes']);
    const [first, second, ...more] = registrations(as);
    assert.equal(more, []);
    assert.equal({ ...second, scope: 'notes' }, first);
  });

test('registers at a server that knows only some scopes', async () => {
  await using as = await startProvider({ registration: true });
  using watched = new Watched(signIn({ issuer: as.issuer, scope: 'openid mcp:use' }));
  await watched.visit();
  assert.is((await watched.tokens()).scope, 'openid');
});

for (const [what, scope, status, body, times, saying] of [
  ['that has no scope', undefined, 400, { error: 'invalid_client_metadata' }, 1, 'invalid_client_metadata'],
  ['rejected for its redirect URI', 'a', 400, { error: 'invalid_redirect_uri' }, 1, 'invalid_redirect_uri'],
  ['that needs a token', 'a', 401, { error: 'invalid_token' }, 1, 'invalid_token'],
  ['of a server in trouble', 'a', 503, {}, 1, 'answered 503'],
  ['at a limit', 'a', 429, {}, 1, 'answered 429'],
  ['rejected without a scope too', 'a', 403, { error: 'access_denied' }, 2, 'answered access_denied'],
] as const)
  test(`asks ${times} times for a registration ${what}`, async () => {
    await using as = await startIssuer({ register: (_asked, response) => json(response, status, body) });
    using watched = new Watched(signIn({ issuer: as.issuer, ...(scope !== undefined && { scope }) }));
    const error = await watched.failure();
    assert.is(error.code, 'registration_failed');
    assert.match(error.message, saying);
    assert.is(registrations(as).length, times);
  });

test('registers for the grants that the metadata lists, whatever their type', async () => {
  for (const [listed, expected] of [
    [undefined, ['authorization_code', 'refresh_token']],
    [['authorization_code'], ['authorization_code']],
    ['authorization_code', ['authorization_code']],
    [null, ['authorization_code', 'refresh_token']],
    [5, []],
  ] as const) {
    await using as = await startIssuer({
      metadata: { grant_types_supported: listed },
      register: (asked, response) => json(response, 201, { ...asked, client_id: 'made' }),
    });
    using watched = new Watched(signIn({ issuer: as.issuer }));
    await watched.next('authorize');
    assert.equal(registrations(as)[0]?.['grant_types'], expected);
  }
});

test.run();
