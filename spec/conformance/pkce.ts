import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { Browser } from '../../src/testing/browser.ts';
import { InvalidOptionError } from '../../src/index.ts';
import { signIn as startSignIn } from '../../src/login.ts';
import { codeChallenge } from '../../src/model/pkce.ts';
import { authorizationUrl } from '../../src/model/authorization-url.ts';
import * as assert from '../helpers/assert.ts';
import { withServer } from '../helpers/endpoint.ts';
import { visit } from '../helpers/http.ts';
import { comingBack, json, startIssuer } from '../helpers/issuer.ts';
import { clientId, startProvider } from '../helpers/provider.ts';
import { Watched } from '../helpers/watched.ts';
import { said, signIn, target } from './sign-in.ts';
import { edit, replacing } from '../helpers/weakened.ts';
import { check, exportsOf, requirement, requirementsOn, server, twin } from './requirement.ts';

const signingIn = exportsOf<typeof import('../../src/login/sign-in.ts')>('login/sign-in.ts');

export const requirements = requirementsOn(
  'PKCE and nonces',
  requirement(
    'B-12',
    {
      demand:
        'Use a fresh S256 verifier and a fresh nonce for each flow, send them where they belong, and show them nowhere.',
      source: 'RFC 7636 sections 4.1 to 4.3; OAuth 2.1 section 7.5.1.1; RFC 9700 sections 2.1.1 and 4.8',
    },
    check(
      server,
      'makes a fresh S256 verifier for every flow, and shows it nowhere',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const verifiers = new Set<string>();
            const shown: string[] = [];
            // After an error, the next flow is the retry.
            for (const outcome of ['code=a', 'error=access_denied', 'error=server_error', 'code=b']) {
              const { flow } = await signIn(endpoint.server);
              const url = flow.authorizationUrl('https://as.example/authorize', { client_id: 'c' });
              const { codeVerifier } = flow;
              assert.match(codeVerifier, /^[A-Za-z0-9\-._~]{43,128}$/);
              assert.not.ok(verifiers.has(codeVerifier));
              verifiers.add(codeVerifier);
              assert.is(url.searchParams.get('code_challenge_method'), 'S256');
              assert.is(
                url.searchParams.get('code_challenge'),
                createHash('sha256').update(codeVerifier).digest('base64url'),
              );
              assert.is(
                flow.authorizationUrl('https://as.example/authorize', { client_id: 'c' }).href,
                url.href,
              );
              const answer = await endpoint.visit(target(flow, `${outcome}&state=${flow.state}`));
              const printed = inspect(flow, { depth: Infinity, showHidden: true });
              shown.push(url.href, printed, JSON.stringify(flow), said(endpoint, answer));
            }
            assert.is(verifiers.size, 4);
            for (const verifier of verifiers) assert.not.match(shown.join('\n'), verifier);
          },
          create,
        ),
      [
        twin(
          'sends the verifier itself as the challenge',
          replacing({ codeChallenge }, () => (verifier) => verifier),
          /strictly equal/,
        ),
      ],
    ),
    check(
      server,
      'lets no parameter weaken PKCE or the binding to the flow',
      (create) =>
        withServer(
          {},
          async ({ server }) => {
            const flow = await server.begin();
            for (const [name, value] of [
              ['code_challenge_method', 'plain'],
              ['code_challenge', 'weak'],
              ['state', 'mine'],
              ['redirect_uri', 'https://evil.example/callback'],
              ['response_type', 'token'],
            ] as const) {
              assert.throws(
                () => flow.authorizationUrl('https://as.example/a', { [name]: value }),
                InvalidOptionError,
              );
              const endpoint = `https://as.example/a?${name}=${encodeURIComponent(value)}`;
              assert.throws(() => flow.authorizationUrl(endpoint), InvalidOptionError);
            }
          },
          create,
        ),
      [
        twin(
          'lets a parameter replace what the flow sets',
          replacing({ authorizationUrl }, (real) => (endpoint, params, own) => {
            const given = Object.entries(params).filter(([name]) => name in own);
            return real(endpoint, params, {
              ...own,
              ...(Object.fromEntries(given) as Record<string, string>),
            });
          }),
          /Expected function to throw/,
        ),
      ],
    ),
    check(server, 'refuses metadata that does not speak of S256, where it must', (create) =>
      withServer(
        {},
        async ({ server }) => {
          const supported = [undefined, [], ['plain'], ['S256']];
          const outcomes: string[] = [];
          for (const methods of supported) {
            await using as = await startIssuer({ metadata: { code_challenge_methods_supported: methods } });
            const strict = { issuer: as.issuer, clientId: 'c', host: server, requirePkce: true };
            using watched = new Watched(startSignIn(strict));
            outcomes.push(
              methods?.includes('S256')
                ? (await watched.next('authorize')).type
                : (await watched.failure()).code,
            );
          }
          assert.equal(outcomes, [...Array<string>(3).fill('discovery_failed'), 'authorize']);
        },
        create,
      ),
    ),
    check(
      signingIn,
      'a sign-in takes an ID token with its own nonce, and none that has another or none',
      async ({ signIn }) => {
        await using as = await startProvider();
        for (const nonce of ['another-nonce-that-was-not-ours', undefined]) {
          using watched = new Watched(signIn({ issuer: as.issuer, clientId, scope: 'openid' }));
          const { url } = await watched.next('authorize');
          if (nonce === undefined) url.searchParams.delete('nonce');
          else url.searchParams.set('nonce', nonce);
          await new Browser().open(url);
          await watched.ended();
          const what = `an ID token with ${nonce === undefined ? 'no' : 'another'} nonce`;
          assert.is(watched.types.at(-1), 'failed', what);
          assert.match((await watched.failure()).message, 'nonce');
        }
      },
      [
        twin(
          'sends no nonce, and misses none',
          edit(`= scope?.split(' ').includes('openid') ? randomToken()`, `= false ? ''`),
          /an ID token with no nonce/,
        ),
        twin(
          'takes whatever nonce there is',
          edit(
            `await openid.authorizationCodeGrant(`,
            `await (async (configuration, url, { pkceCodeVerifier }, more) => {
        const answer = await openid.genericGrantRequest(configuration, 'authorization_code', {
          code: response.code ?? '', redirect_uri: flow.redirectUri, code_verifier: pkceCodeVerifier, ...more });
        return answer as never as Awaited<ReturnType<typeof openid.authorizationCodeGrant>>;
      })(`,
          ),
          /an ID token with another nonce/,
        ),
      ],
    ),
    check(
      signingIn,
      'a sign-in sends the verifier of its own challenge with the code',
      async ({ signIn }) => {
        const forms: URLSearchParams[] = [];
        await using as = await startIssuer({
          token: (form, response) => {
            forms.push(form);
            json(response, 200, { access_token: 'a', token_type: 'bearer' });
          },
        });
        using watched = new Watched(signIn({ issuer: as.issuer, clientId }));
        const { url } = await watched.next('authorize');
        await visit(comingBack(url, { code: 'c' }));
        await watched.tokens();
        const verifier = forms[0]?.get('code_verifier') ?? '';
        const challenge = createHash('sha256').update(verifier).digest('base64url');
        assert.is(url.searchParams.get('code_challenge'), challenge, 'the challenge of the verifier');
        assert.is(url.searchParams.get('code_challenge_method'), 'S256');
      },
      [
        twin(
          'sends no verifier',
          edit(`pkceCodeVerifier: flow.codeVerifier,\n        ...(nonce`, `...(nonce`),
          /the challenge of the verifier/,
        ),
        twin(
          'has one verifier for all',
          edit(
            `pkceCodeVerifier: flow.codeVerifier,\n        ...(nonce`,
            `pkceCodeVerifier: 'a-verifier-that-is-the-same-for-every-sign-in',\n        ...(nonce`,
          ),
          /the challenge of the verifier/,
        ),
      ],
    ),
  ),
);
