import { inspect } from 'node:util';
import type { Observable } from 'rxjs';
import type { AuthorizationRequestError, SignInEvent, SignInOptions } from '../../../src/login.ts';
import { signIn } from '../../../src/login.ts';
import { startFakeProvider } from '../../../src/testing.ts';
import { announcing } from '../../helpers/announced.ts';
import * as assert from '../../helpers/assert.ts';
import { complains } from '../../helpers/complains.ts';
import { json, startIssuer } from '../../helpers/issuer.ts';
import { clientId, confidential, startProvider, subject } from '../../helpers/provider.ts';
import { suite } from '../../helpers/suite.ts';
import { Watched } from '../../helpers/watched.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('pushed authorization requests');

type SignIn = (options: SignInOptions) => Observable<SignInEvent>;

/** Signs in at a server that takes pushed requests only. */
async function signsIn(sign: SignIn, options: Partial<SignInOptions> = {}): Promise<void> {
  const { id, secret } = confidential;
  await using as = await startFakeProvider({
    pushedRequests: 'required',
    clients: [{ clientId }, { clientId: id, clientSecret: secret }],
  });
  using watched = new Watched(sign({ issuer: as.issuer, clientId, scope: 'openid', ...options }));
  const { url, state } = await watched.next('authorize');
  assert.equal([...url.searchParams.keys()].sort(), ['client_id', 'request_uri']);
  assert.not.match(url.href, state);
  await watched.visit();
  assert.is((await watched.tokens()).claims?.sub, subject);
  assert.ok(as.requests.some(({ endpoint }) => endpoint === 'pushed_authorization_request'));
}

test('pushes if the metadata requires it: the URL has a reference only', () => signsIn(signIn));

test('authenticates a confidential client as it pushes', () =>
  signsIn(signIn, { clientId: confidential.id, clientSecret: confidential.secret }));

test('the control: a sign-in that ignores the requirement is refused', async () => {
  const twin = (await weakenedModule(
    'login/sign-in.ts',
    edit(
      'const isRequired = metadata.require_pushed_authorization_requests === true;',
      'const isRequired = false;',
    ),
  )) as { signIn: SignIn };
  await complains(() => signsIn(twin.signIn), /client_id/);
});

test('pushes if it is asked to, and a query of the endpoint stays in the URL', async () => {
  const forms: URLSearchParams[] = [];
  await using as = await startIssuer({
    metadata: (issuer) => ({
      authorization_endpoint: `${issuer}/authorize?p=b2c_1`,
      pushed_authorization_request_endpoint: `${issuer}/par`,
    }),
    posts: {
      '/par': (form, response) => {
        forms.push(form);
        json(response, 201, { request_uri: 'urn:example:1', expires_in: 60 });
      },
    },
  });
  const resource = ['https://one.example', 'https://two.example'];
  using watched = new Watched(
    signIn({ issuer: as.issuer, clientId, resource, pushedAuthorizationRequest: true }),
  );
  const { url, state, redirectUri } = await watched.next('authorize');
  assert.equal([...url.searchParams].map(([name, value]) => `${name}=${value}`).sort(), [
    `client_id=${clientId}`,
    'p=b2c_1',
    'request_uri=urn:example:1',
  ]);
  const [form] = forms;
  assert.equal([form?.getAll('client_id'), form?.getAll('resource')], [[clientId], resource]);
  assert.equal([form?.get('state'), form?.get('redirect_uri')], [state, redirectUri]);
  assert.is(form?.get('code_challenge_method'), 'S256');
});

test('pushes if the server has registered the client as one that does', async () => {
  await using as = await startIssuer({
    metadata: (issuer) => ({ pushed_authorization_request_endpoint: `${issuer}/par` }),
    register: (body, response) =>
      json(response, 201, { ...body, client_id: 'made', require_pushed_authorization_requests: true }),
    posts: {
      '/par': (_form, response) => json(response, 200, { request_uri: 'urn:example:2', expires_in: '60' }),
    },
  });
  using watched = new Watched(signIn({ issuer: as.issuer }));
  const { url } = await watched.next('authorize');
  assert.is(url.searchParams.get('request_uri'), 'urn:example:2');
});

test('ends before a browser opens if the server rejects the request, and prints none of its secrets', async () => {
  let sent = '';
  await using as = await startIssuer({
    metadata: (issuer) => ({ pushed_authorization_request_endpoint: `${issuer}/par` }),
    posts: {
      '/par': (form, response) => {
        sent = form.get('state')!;
        json(response, 400, { error: 'invalid_request', error_description: `no ${sent} here` });
      },
    },
  });
  using watched = new Watched(signIn({ issuer: as.issuer, clientId, pushedAuthorizationRequest: true }));
  const error = (await watched.failure()) as AuthorizationRequestError;
  assert.is(
    error.message,
    `the pushed_authorization_request_endpoint of ${as.issuer} answered invalid_request: no [redacted] here`,
  );
  assert.equal(
    [error.code, error.endpoint, error.error, error.status],
    ['authorization_request_failed', 'pushed_authorization_request_endpoint', 'invalid_request', 400],
  );
  assert.not.match(inspect(error, { depth: Infinity, showHidden: true }), sent);
  assert.equal(watched.types, ['discovered', 'failed']);
});

for (const [what, answer, saying] of [
  ['no JSON', 'hello', 'failed to parse'],
  ['no request_uri', '{"expires_in":60}', 'request_uri'],
] as const)
  test(`says that the answer to a pushed request has ${what}`, async () => {
    await using as = await startIssuer({
      metadata: (issuer) => ({ pushed_authorization_request_endpoint: `${issuer}/par` }),
      posts: {
        '/par': (_form, response) =>
          response.writeHead(201, { 'Content-Type': 'application/json' }).end(answer),
      },
    });
    using watched = new Watched(signIn({ issuer: as.issuer, clientId, pushedAuthorizationRequest: true }));
    const { message } = await watched.failure();
    assert.match(message, `the pushed_authorization_request_endpoint of ${as.issuer}`);
    assert.match(message, saying);
  });

test('names the field if the metadata requires what it has no endpoint for', async () => {
  const changes = {
    require_pushed_authorization_requests: true,
    pushed_authorization_request_endpoint: undefined,
  };
  await using as = await startProvider({ intercept: announcing(changes) });
  using watched = new Watched(signIn({ issuer: as.issuer, clientId }));
  assert.is(
    (await watched.failure()).message,
    `the issuer ${as.issuer} has require_pushed_authorization_requests in its metadata, ` +
      'but no pushed_authorization_request_endpoint',
  );
});

test.run();
