/** Revokes tokens at a real authorization server, and at some that answer in their own ways. */
import { firstValueFrom } from 'rxjs';
import {
  DiscoveryError,
  refresh,
  RevocationError,
  revoke,
  signIn,
  Tokens,
  type ClientOptions,
  type RevokedToken,
} from '../../../src/login.ts';
import { startFakeProvider, type FakeProvider } from '../../../src/testing.ts';
import * as assert from '../../helpers/assert.ts';
import { send } from '../../helpers/http.ts';
import { json, startIssuer, type Issuer, type IssuerOptions } from '../../helpers/issuer.ts';
import { suite } from '../../helpers/suite.ts';
import { Watched } from '../../helpers/watched.ts';

const test = suite('revoke');

async function signedIn({ issuer, clientId }: FakeProvider): Promise<Tokens> {
  using watched = new Watched(signIn({ issuer, clientId, scope: 'openid notes offline_access' }));
  await watched.visit();
  return await watched.tokens();
}

const revoked = (tokens: Tokens, options?: ClientOptions): Promise<readonly RevokedToken[]> =>
  firstValueFrom(revoke(tokens, options));

async function isTaken({ issuer }: FakeProvider, { access_token }: Tokens): Promise<boolean> {
  const { status } = await send(`${issuer}/userinfo`, {
    headers: { Authorization: `Bearer ${access_token}` },
  });
  return status === 200;
}

test('ends what a real authorization server takes', async () => {
  await using as = await startFakeProvider();
  const tokens = await signedIn(as);
  assert.ok(await isTaken(as, tokens));
  assert.equal(await revoked(tokens), ['refresh_token', 'access_token']);
  assert.not.ok(await isTaken(as, tokens));
  const error = await assert.rejects(firstValueFrom(refresh(tokens)), 'token_request_failed');
  assert.match(error.message, 'invalid_grant');
  // Once more, as after an answer that was lost.
  assert.equal(await revoked(tokens), ['refresh_token', 'access_token']);
});

test('revokes the newest refresh token, if this process has refreshed the tokens', async () => {
  await using as = await startFakeProvider();
  const before = await signedIn(as);
  const after = await firstValueFrom(refresh(before));
  assert.equal(await revoked(before), ['refresh_token', 'access_token']);
  await assert.rejects(firstValueFrom(refresh(after)), 'token_request_failed');
});

const fields = { client_id: 'c', access_token: 'CANARY-access', token_type: 'bearer' };

/** A server that answers a revocation so, and tokens of it. */
async function answering(
  answer: NonNullable<IssuerOptions['revoke']>,
  body: (of: { as: Issuer; tokens: Tokens; forms: URLSearchParams[] }) => Promise<void>,
): Promise<void> {
  const forms: URLSearchParams[] = [];
  await using as = await startIssuer({
    revoke: (form, response) => {
      forms.push(form);
      answer(form, response);
    },
  });
  const tokens = Tokens.fromDict({ issuer: as.issuer, ...fields, refresh_token: 'CANARY-refresh' });
  await body({ as, tokens, forms });
}

const isRefresh = (form: URLSearchParams): boolean => form.get('token_type_hint') === 'refresh_token';

test('sends the refresh token first, then the access token, each with its hint', () =>
  answering(
    (_form, response) => response.end(),
    async ({ tokens, forms }) => {
      assert.equal(await revoked(tokens), ['refresh_token', 'access_token']);
      assert.equal(
        forms.map((form) => Object.fromEntries(form)),
        [
          { token: 'CANARY-refresh', token_type_hint: 'refresh_token', client_id: 'c' },
          { token: 'CANARY-access', token_type_hint: 'access_token', client_id: 'c' },
        ],
      );
    },
  ));

test('sends no request without a subscriber, and only the access token if there is no other', () =>
  answering(
    (_form, response) => response.end(),
    async ({ as, forms }) => {
      const cold = revoke(Tokens.fromDict({ issuer: as.issuer, ...fields }));
      assert.equal(as.requests, []);
      assert.equal(await firstValueFrom(cold), ['access_token']);
      assert.is(forms.length, 1);
    },
  ));

for (const [what, answer] of [
  ['204', (_form, response) => response.writeHead(204).end()],
  ['200 and a page', (_form, response) => response.end('<p>Bye</p>')],
  ['200 and an empty object', (_form, response) => json(response, 200, {})],
  [
    '400 and invalid_token, as Google does',
    (_form, response) => json(response, 400, { error: 'invalid_token' }),
  ],
] as readonly (readonly [string, NonNullable<IssuerOptions['revoke']>])[])
  test(`takes ${what} for revoked`, () =>
    answering(answer, async ({ tokens }) =>
      assert.equal(await revoked(tokens), ['refresh_token', 'access_token']),
    ));

test('leaves out access tokens if the server revokes only refresh tokens', () =>
  answering(
    (form, response) => {
      if (isRefresh(form)) response.end();
      else json(response, 400, { error: 'unsupported_token_type' });
    },
    async ({ tokens }) => assert.equal(await revoked(tokens), ['refresh_token']),
  ));

async function failure(tokens: Tokens, options?: ClientOptions): Promise<RevocationError> {
  const error = await assert.rejects(revoked(tokens, options), RevocationError);
  assert.not.match(`${error.message}${error.stack}${JSON.stringify(error)}`, 'CANARY');
  return error;
}

test('errors if the server revokes neither', () =>
  answering(
    (_form, response) => json(response, 400, { error: 'unsupported_token_type' }),
    async ({ tokens, forms }) => {
      const { error, status, revoked: before } = await failure(tokens);
      assert.equal([error, status, before, forms.length], ['unsupported_token_type', 400, [], 2]);
    },
  ));

test('errors if the server leaves the refresh token valid, and revokes the access token all the same', () =>
  answering(
    (form, response) => {
      if (isRefresh(form)) json(response, 400, { error: 'unsupported_token_type' });
      else response.end();
    },
    async ({ tokens, forms }) => {
      const { error, status, revoked: before } = await failure(tokens);
      assert.equal(
        [error, status, before, forms.length],
        ['unsupported_token_type', 400, ['access_token'], 2],
      );
    },
  ));

for (const [what, answer, expected] of [
  [
    'wants another credential of the request',
    (_form, response) =>
      response.writeHead(401, { 'WWW-Authenticate': 'Bearer error="invalid_token"' }).end(),
    ['invalid_token', 401, false],
  ],
  [
    'wants another credential of the request, and says so in the body',
    (_form, response) => json(response, 401, { error: 'invalid_token' }),
    ['invalid_token', 401, false],
  ],
  [
    'rejects the client',
    (form, response) => json(response, 401, { error: 'invalid_client', error_description: String(form) }),
    ['invalid_client', 401, false],
  ],
  ['is in trouble', (_form, response) => response.writeHead(503).end(), [undefined, 503, false]],
  ['says an error with 200', (_form, response) => json(response, 200, { error: 'x' }), ['x', 200, false]],
  ['does not answer', (_form, response) => void response.destroy(), [undefined, undefined, true]],
] as readonly (readonly [string, NonNullable<IssuerOptions['revoke']>, readonly unknown[]])[])
  test(`errors if the server ${what}, and sends the access token no more`, () =>
    answering(answer, async ({ as, tokens, forms }) => {
      const {
        message,
        error,
        status,
        unanswered,
        revoked: before,
      } = await failure(tokens, {
        clientSecret: 'CANARY-secret',
      });
      assert.equal([[error, status, unanswered], before, forms.length], [expected, [], 1]);
      assert.match(message, `the revocation endpoint of ${as.issuer} `);
    }));

test('names what was revoked before an error', () =>
  answering(
    (form, response) => {
      if (isRefresh(form)) response.end();
      else response.destroy();
    },
    async ({ tokens }) => assert.equal((await failure(tokens)).revoked, ['refresh_token']),
  ));

test('errors if the metadata has no revocation endpoint, or one in the clear', async () => {
  const tokensAt = (issuer: string): Tokens => Tokens.fromDict({ issuer, ...fields });
  await using as = await startIssuer();
  const none = await assert.rejects(revoked(tokensAt(as.issuer)), DiscoveryError);
  assert.is(none.flaw, 'missing_endpoint');
  assert.match(none.message, `the issuer ${as.issuer} has no revocation_endpoint`);
  const issuer = 'https://as.example';
  const metadata = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    revocation_endpoint: 'http://as.example/revoke',
  };
  const fetch = (): Promise<Response> => Promise.reject(new Error('asked'));
  const insecure = await assert.rejects(revoked(tokensAt(issuer), { metadata, fetch }), DiscoveryError);
  assert.is(insecure.flaw, 'insecure_endpoint');
});

test('sends the secret of a confidential client as it is told to', () =>
  answering(
    (_form, response) => response.end(),
    async ({ as, tokens, forms }) => {
      await revoked(tokens, { clientSecret: 's', clientAuthentication: 'client_secret_post' });
      assert.is(forms[0]!.get('client_secret'), 's');
      await revoked(tokens, { clientSecret: 's' });
      assert.match(as.requests.at(-1)!.headers.authorization!, /^Basic /);
    },
  ));

for (const [listed, expected] of [
  [{ revocation_endpoint_auth_methods_supported: ['client_secret_post'] }, 'in the form'],
  [
    {
      revocation_endpoint_auth_methods_supported: ['client_secret_basic'],
      token_endpoint_auth_methods_supported: ['client_secret_post'],
    },
    'in the header',
  ],
  [{ token_endpoint_auth_methods_supported: ['client_secret_post'] }, 'in the form'],
  [{}, 'in the header'],
] as const)
  test(`sends the secret ${expected} for ${JSON.stringify(listed)}`, async () => {
    await using as = await startIssuer({ metadata: listed, revoke: (_form, response) => response.end() });
    await revoked(Tokens.fromDict({ issuer: as.issuer, ...fields }), { clientSecret: 's' });
    const { body, headers } = as.requests.at(-1)!;
    const inForm = new URLSearchParams(body).get('client_secret');
    assert.equal(
      [inForm, headers.authorization?.split(' ')[0]],
      expected === 'in the form' ? ['s', undefined] : [null, 'Basic'],
    );
  });

test('throws at once for options that cannot be', () => {
  const tokens = Tokens.fromDict({ issuer: 'https://as.example', ...fields });
  for (const [options, sentence] of [
    [{ clientSecrt: 's' }, 'clientSecrt is not an option of revoke'],
    [{ clientAuthentication: 'client_secret_post' }, 'requires a clientSecret'],
  ] as const)
    assert.match(assert.throws(() => revoke(tokens, options as ClientOptions)).message, sentence);
});

test.run();
