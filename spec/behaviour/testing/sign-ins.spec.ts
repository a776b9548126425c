/** Whole sign-ins at the fake provider, with the outcomes that a script can ask for. */
import { firstValueFrom } from 'rxjs';
import { createOAuthCallbackServer, type Disposition, type OAuthCallbackServer } from '../../../src/index.ts';
import { refresh, revoke, signIn, type SignInOptions } from '../../../src/login.ts';
import {
  authorizationErrors,
  startFakeProvider,
  tokenErrors,
  visit,
  type FakeAnswer,
  type FakeProvider,
  type FakeProviderOptions,
  type VisitedPage,
} from '../../../src/testing.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';
import { Watched } from '../../helpers/watched.ts';

const test = suite('sign-ins at the fake provider');

interface Attempt {
  readonly provider: FakeProvider;
  readonly watched: Watched;
  readonly dispositions: readonly Disposition[];
  /** The page that the person sees last. */
  readonly page: Promise<VisitedPage>;
}

interface Setting {
  readonly provider?: FakeProviderOptions;
  readonly options?: Partial<SignInOptions>;
  readonly answers?: readonly FakeAnswer[];
}

/** Signs in, and visits the URL at once. */
async function attempt(
  { provider: options, options: more, answers = [] }: Setting,
  body: (attempt: Attempt) => Promise<void>,
): Promise<void> {
  await using provider = await startFakeProvider(options);
  await using server: OAuthCallbackServer = createOAuthCallbackServer();
  await server.listen();
  const dispositions: Disposition[] = [];
  server.redirects.subscribe(({ disposition }) => dispositions.push(disposition));
  provider.answerNext(...answers);
  const { issuer, clientId } = provider;
  using watched = new Watched(signIn({ issuer, clientId, scope: 'openid notes', host: server, ...more }));
  const { url } = await watched.next('authorize');
  await body({ provider, watched, dispositions, page: visit(url) });
}

test('signs in, and the page says so', () =>
  attempt({ provider: { subject: 'grace' } }, async ({ provider, watched, page }) => {
    const tokens = await watched.tokens();
    assert.equal([tokens.claims?.sub, (await page).title], ['grace', 'Authentication successful']);
    assert.is(provider.tokens[0]?.value, tokens.access_token);
  }));

test('signs in with a registered client, a pushed request and a page that asks', () =>
  attempt({ provider: { consent: 'ask', pushedRequests: 'required' } }, async ({ provider, watched }) => {
    assert.is((await watched.tokens()).claims?.sub, 'ada');
    const endpoints = provider.requests.map(({ endpoint }) => endpoint);
    for (const endpoint of ['pushed_authorization_request', 'consent', 'token'] as const)
      assert.ok(endpoints.includes(endpoint), endpoint);
  }));

test('registers a client', () =>
  attempt({}, async ({ provider }) => {
    using watched = new Watched(signIn({ issuer: provider.issuer }));
    const { url } = await watched.next('authorize');
    await visit(url);
    assert.match((await watched.tokens()).client_id, /^registered-/);
  }));

test('gets every registered error of a response as a failure', async () => {
  await using provider = await startFakeProvider();
  const { issuer, clientId } = provider;
  for (const error of authorizationErrors) {
    provider.answerNext({ error, parameters: { error_description: `because ${error}` } });
    using watched = new Watched(signIn({ issuer, clientId }));
    const [{ url }] = await Promise.all([watched.next('authorize')]);
    await visit(url);
    const failure = await watched.failure();
    assert.equal([failure.code, (failure as { error?: string }).error], ['authorization_error', error]);
  }
});

test('gets every registered error of the token endpoint as a failure', async () => {
  await using provider = await startFakeProvider();
  const { issuer, clientId } = provider;
  for (const error of tokenErrors) {
    provider.answerNext({ tokenErrors: [error] });
    using watched = new Watched(signIn({ issuer, clientId }));
    await visit((await watched.next('authorize')).url);
    const failure = await watched.failure();
    assert.equal([failure.code, (failure as { error?: string }).error], ['token_request_failed', error]);
  }
});

test('takes one of several redirects', () =>
  attempt({ answers: [{ redirects: 3 }] }, async ({ watched, page, dispositions }) => {
    assert.ok(await watched.tokens());
    // The page of the last redirect: the provider has sent the others itself.
    assert.is((await page).status, 400);
    assert.equal(dispositions, ['accepted', 'duplicate', 'duplicate']);
  }));

const ignored: Readonly<Record<string, readonly [FakeAnswer, Disposition]>> = {
  'without a state': [{ omit: ['state'] }, 'malformed'],
  'without a code': [{ omit: ['code'] }, 'malformed'],
  'with another state': [{ parameters: { state: 'of-another' } }, 'unmatched'],
  'with two states': [{ parameters: { state: ['one', 'two'] } }, 'malformed'],
  'with another issuer': [{ parameters: { iss: 'https://evil.example' } }, 'wrong_issuer'],
  'without an issuer': [{ omit: ['iss'] }, 'wrong_issuer'],
};

for (const [name, [answer, disposition]] of Object.entries(ignored))
  test(`goes on after a response ${name}`, () =>
    attempt({ answers: [answer] }, async ({ watched, page, dispositions }) => {
      assert.is((await page).status, 400);
      assert.equal(dispositions, [disposition]);
      await visit((await watched.next('authorize')).url);
      assert.ok(await watched.tokens());
    }));

test('goes on after a form that it has not asked for', () =>
  attempt({ answers: [{ responseMode: 'form_post' }] }, async ({ watched, page, dispositions }) => {
    assert.is((await page).status, 405);
    assert.equal(dispositions, ['wrong_response_mode']);
    await visit((await watched.next('authorize')).url);
    assert.ok(await watched.tokens());
  }));

test('takes a response as a form if it has asked for one', () =>
  attempt({ options: { responseMode: 'form_post' } }, async ({ provider, watched }) => {
    assert.ok(await watched.tokens());
    assert.is(provider.requests.find(({ endpoint }) => endpoint === 'authorization')?.method, 'GET');
  }));

test('waits for a slow provider, and gets what else it sends', async () => {
  let answer: () => void = () => undefined;
  const delay = new Promise<void>((resolve) => (answer = resolve));
  await attempt(
    { answers: [{ delay, parameters: { realmId: '9', tag: ['1', '2'] } }] },
    async ({ watched, page, dispositions }) => {
      assert.equal(dispositions, []);
      answer();
      await page;
      assert.ok(await watched.tokens());
      assert.equal(dispositions, ['accepted']);
    },
  );
});

test('refreshes and revokes', () =>
  attempt({}, async ({ provider, watched }) => {
    const tokens = await firstValueFrom(refresh(await watched.tokens()));
    assert.equal(
      provider.tokens.map(({ active }) => active),
      [true, false, true, true],
    );
    await firstValueFrom(revoke(tokens));
    assert.ok(provider.tokens.every(({ active }) => !active));
  }));

test('signs in on another device', async () => {
  await using provider = await startFakeProvider();
  const { issuer, clientId } = provider;
  for (const [press, answer, type] of [
    ['Allow', {}, 'exchanged'],
    ['Deny', {}, 'failed'],
    ['Allow', { error: 'access_denied' }, 'failed'],
  ] as const) {
    provider.answerNext(answer);
    using watched = new Watched(signIn({ issuer, clientId, device: 'only' }));
    const { verificationUriComplete = '' } = await watched.next('device');
    await visit(verificationUriComplete, { press });
    await watched.ended();
    assert.is(watched.types.at(-1), type);
  }
});

test.run();
