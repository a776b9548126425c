import { setTimeout } from 'node:timers/promises';
import { generateKeyPairSync, sign } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { firstValueFrom } from 'rxjs';
import { createOAuthCallbackServer } from '../../src/index.ts';
import { Tokens } from '../../src/login.ts';
import * as assert from '../helpers/assert.ts';
import { newKey, proofOf, withBridge, withPeers } from '../helpers/bridge.ts';
import { observe, withServer } from '../helpers/endpoint.ts';
import { send, visit } from '../helpers/http.ts';
import { comingBack, type Issuer, type IssuerOptions, json, startIssuer } from '../helpers/issuer.ts';
import { listenOnLoopback } from '../helpers/loopback.ts';
import { clientId, startProvider, subject } from '../helpers/provider.ts';
import { newState } from '../helpers/server.ts';
import { Watched } from '../helpers/watched.ts';
import { edit } from '../helpers/weakened.ts';
import { bridge, check, exportsOf, requirement, requirementsOn, twin } from './requirement.ts';

const signingIn = exportsOf<typeof import('../../src/login/sign-in.ts')>('login/sign-in.ts');

const registration = exportsOf<typeof import('../../src/login/client.ts')>('login/client.ts');

const refreshing = exportsOf<typeof import('../../src/login/refresh.ts')>('login/refresh.ts');

const pasting = exportsOf<typeof import('../../src/login/paste.ts')>('login/paste.ts');

const submitting = exportsOf<typeof import('../../src/cli/login/submit.ts')>('cli/login/submit.ts');

const keys = [1, 2].map(() => generateKeyPairSync('rsa', { modulusLength: 2048 }));

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** An ID token with these claims, signed by one of the keys or by none. */
function idToken(claims: Readonly<Record<string, unknown>>, key: number | undefined): string {
  const iat = Math.floor(Date.now() / 1_000);
  const header = key === undefined ? { alg: 'none' } : { alg: 'RS256', kid: 'spec' };
  const text = `${encoded(header)}.${encoded({ iat, exp: iat + 600, ...claims })}`;
  const signature = key === undefined ? '' : sign('sha256', Buffer.from(text), keys[key]!.privateKey);
  return `${text}.${signature.toString('base64url')}`;
}

export const requirements = requirementsOn(
  'Sign-ins of /login and the command',
  requirement(
    'P-02',
    {
      demand: 'Show on the page how the sign-in ended, not only that the redirect arrived.',
      source: 'docs/guides/many-sign-ins.md; docs/guides/tokens.md',
    },
    check(
      signingIn,
      'the page says how the sign-in ended, not that the redirect came',
      async ({ signIn }) => {
        let takes = false;
        await using as = await startIssuer({
          token: (_form, response) => {
            if (takes) json(response, 200, { access_token: 'a', token_type: 'bearer' });
            else json(response, 400, { error: 'invalid_grant' });
          },
        });
        for (const headline of ['Authentication failed', 'Authentication successful']) {
          using watched = new Watched(signIn({ issuer: as.issuer, clientId: 'c' }));
          const { body } = await visit(comingBack((await watched.next('authorize')).url, { code: 'c' }));
          assert.match(body, headline, `the page of ${takes ? 'tokens' : 'a refusal'}`);
          takes = true;
        }
      },
      [
        twin(
          'says on the page that success where it did not',
          edit(
            `flow.settle({ status: 'failure', message: (error as Error).message })`,
            `flow.settle({ status: error ? 'success' : 'failure' })`,
          ),
          /the page of a refusal/,
        ),
        twin(
          'has the page say that the redirect came',
          edit(`settle: settleTimeoutMs,\n      ...server,`, `...server,`),
          /the page of a refusal/,
        ),
      ],
    ),
    check(
      bridge,
      'an outcome after ack and a reconnection reaches the page, from the owner of the flow and from no other',
      (create) =>
        withBridge(
          ({ url, visit }) =>
            withPeers(url, async (open) => {
              const [peer, state, key] = [open(), newState(), newKey()];
              await peer.welcome();
              const flowId = await peer.begin(state, key);
              const page = visit(`/callback?code=c&state=${state}`);
              await peer.next('result');
              peer.say({ type: 'ack', flowIds: [flowId] });
              await peer.next('acknowledged');
              peer.end();
              const other = open();
              const nonce = await other.welcome();
              const say = async (message: string, proof: string): Promise<void> => {
                const outcome = { status: 'failure', message };
                other.say({ type: 'settle', flowId, state, proof, outcome });
                await other.heardAll();
              };
              await say('BY A STRANGER', proofOf(newKey(), nonce));
              await say('BY THE OWNER', proofOf(key, nonce));
              const { body } = await page;
              assert.not.match(body, 'BY A STRANGER', 'the page has the outcome of a stranger');
              assert.match(body, 'BY THE OWNER', 'the page has no outcome of the owner');
            }),
          {},
          { settle: 2_000 },
          create,
        ),
      [
        twin(
          'hears an outcome only on the connection that has acknowledged the result',
          edit(
            `else if (state !== undefined && proof !== undefined && (await`,
            `else if (state === '' && proof !== undefined && (await`,
          ),
          /the page has no outcome of the owner/,
        ),
        twin(
          'believes a listener that has not proven the key',
          edit(`if (!proven || owner?.id !== flow) return false;`, `if (owner?.id !== flow) return false;`),
          /the page has the outcome of a stranger/,
        ),
      ],
      { also: ['W10'] },
    ),
  ),

  requirement(
    'P-03',
    {
      demand: 'Join sign-ins for the same issuer, client and scope, and no others.',
      source: 'docs/guides/tokens.md',
    },
    check(
      signingIn,
      'sign-ins for the same issuer, client and scope are one, and others are their own',
      async ({ signIn }) => {
        await using one = await startIssuer();
        await using two = await startIssuer();
        await withServer({}, async ({ server, events }) => {
          const options = { issuer: one.issuer, clientId: 'c', scope: 'a', host: server };
          const begun = (): number => events.filter(({ type }) => type === 'begun').length;
          const watched: Watched[] = [];
          try {
            for (const [what, change, expected] of [
              ['the first', {}, 1],
              ['the same again', {}, 1],
              ['another scope', { scope: 'a b' }, 2],
              ['another client', { clientId: 'd' }, 3],
              ['another issuer', { issuer: two.issuer }, 4],
            ] as const) {
              const next = new Watched(signIn({ ...options, ...change }));
              watched.push(next);
              await next.next('waiting');
              assert.is(begun(), expected, `sign-ins with ${what}`);
            }
          } finally {
            for (const each of watched) each.unsubscribe();
          }
        });
      },
      [
        twin(
          'joins what asks for another scope',
          edit(`[issuer, clientId, scope, resource`, `[issuer, clientId, resource`),
          /sign-ins with another scope/,
        ),
        twin(
          'joins what another client asks for',
          edit(`[issuer, clientId, scope, resource`, `[issuer, scope, resource`),
          /sign-ins with another client/,
        ),
        twin(
          'joins what is asked of another issuer',
          edit(`[issuer, clientId, scope, resource`, `[clientId, scope, resource`),
          /sign-ins with another issuer/,
        ),
        twin(
          'joins nothing',
          edit(`this.#byKey.get(key) ?? this.#start`, `this.#start`),
          /sign-ins with the same again/,
        ),
      ],
    ),
  ),

  requirement(
    'P-04',
    {
      demand: 'Register a client only if there is no client id and the server offers registration.',
      source: 'RFC 7591; docs/guides/tokens.md',
    },
    check(
      registration,
      'a client is registered where there is no client id and the server offers it, and nowhere else',
      async ({ clientOf }) => {
        const register: IssuerOptions['register'] = (body, response) =>
          json(response, 201, { ...body, client_id: 'made' });
        await using offers = await startIssuer({ register });
        await using offersNot = await startIssuer();
        const idOf = async (
          { issuer }: Issuer,
          clientId: string | undefined,
          place?: string,
        ): Promise<string> => {
          const options = { issuer, ...(clientId !== undefined && { clientId }) };
          const endpoint = place === undefined ? {} : { registration_endpoint: `${place}/register` };
          const { signal } = new AbortController();
          const redirectUri = 'http://127.0.0.1:1/callback';
          return (await clientOf(options, { issuer, ...endpoint }, redirectUri, signal)).id;
        };
        assert.is(await idOf(offers, 'mine', offers.issuer), 'mine', 'a client that is known');
        assert.equal([offers.requests.length, offersNot.requests.length], [0, 0]);
        await assert.rejects(idOf(offersNot, undefined), 'registration_failed');
        assert.is(offersNot.requests.length, 0, 'a server that offers none is asked');
        assert.is(await idOf(offers, undefined, offers.issuer), 'made');
        assert.equal(
          offers.requests.map(({ line }) => line),
          ['POST /register'],
        );
      },
      [
        twin(
          'registers though there is a client id',
          edit(`if (clientId !== undefined) return`, `if (clientId === '') return`),
          /a client that is known/,
        ),
        twin(
          'guesses where a server may register clients',
          edit(
            `  if (registration_endpoint === undefined)`,
            `  if (registration_endpoint === undefined)\n    await globalThis.fetch(issuer + '/register', { method: 'POST' });\n` +
              `  if (registration_endpoint === undefined)`,
          ),
          /a server that offers none is asked/,
        ),
      ],
    ),
  ),

  requirement(
    'P-05',
    {
      demand: 'Use each refresh token once within a process, and among commands that save to one file.',
      source: 'RFC 9700 section 4.14; SECURITY.md',
      provenIn: ['cli/login-save.spec.ts'],
    },
    check(
      refreshing,
      'a refresh token is used once, for however many ask, and kept where the server leaves it out',
      async ({ refresh }) => {
        let answer: Record<string, unknown> = { access_token: 'b', token_type: 'bearer' };
        await using as = await startIssuer({
          token: (_form, response) => json(response, 200, answer),
        });
        const fields = { issuer: as.issuer, client_id: 'c', access_token: 'a', token_type: 'bearer' };
        const kept = Tokens.fromDict({ ...fields, refresh_token: 'r' });
        const both = await Promise.all([firstValueFrom(refresh(kept)), firstValueFrom(refresh(kept))]);
        const asked = as.requests.filter(({ line }) => line === 'POST /token').length;
        assert.is(asked, 1, 'how often it is used');
        assert.equal(
          both.map(({ access_token, refresh_token }) => [access_token, refresh_token]),
          Array.from({ length: 2 }, () => ['b', 'r']),
          'what is left out is kept',
        );
        answer = { ...answer, refresh_token: 'r2' };
        assert.is((await firstValueFrom(refresh(kept))).refresh_token, 'r2');
      },
      [
        twin(
          'uses a refresh token once for each who asks',
          edit(`this.#byKey.get(key) ?? this.#start`, `this.#start`),
          /how often it is used/,
        ),
        twin(
          'loses the refresh token that the server leaves out',
          edit(`{ refresh_token, scope, id_token }`, `{ scope, id_token }`),
          /what is left out is kept/,
        ),
      ],
    ),
    check(
      refreshing,
      'no refresh token is used twice, whatever is asked for with it',
      async ({ refresh }) => {
        const used: string[] = [];
        let come = (): void => undefined;
        const second = new Promise<void>((resolve) => (come = resolve));
        await using as = await startIssuer({
          token: (form, response) => {
            const count = used.push(form.get('refresh_token')!);
            const tokens = { access_token: 'b', token_type: 'bearer', refresh_token: `r${count}` };
            if (count > 1) come();
            // The first answer is held for a while, so that a client that sends a second request meanwhile is seen.
            const due = count > 1 ? second : Promise.race([second, setTimeout(500)]);
            void due.then(() => json(response, 200, tokens));
          },
        });
        const fields = { issuer: as.issuer, client_id: 'c', access_token: 'a', token_type: 'bearer' };
        const kept = Tokens.fromDict({ ...fields, refresh_token: 'r0' });
        // Given, so that both come to the token at once, before any answer.
        const metadata = {
          issuer: as.issuer,
          authorization_endpoint: `${as.issuer}/authorize`,
          token_endpoint: `${as.issuer}/token`,
        };
        const both = ['one', 'two'].map((scope) => firstValueFrom(refresh(kept, { scope, metadata })));
        const [one] = await Promise.all(both);
        assert.equal(used, ['r0', 'r1'], 'what two at once use');
        await firstValueFrom(refresh(one!));
        assert.equal(used, ['r0', 'r1', 'r2'], 'what the first of them uses later');
      },
      [
        twin(
          'waits for none under way',
          edit(`await busy.catch(() => undefined);`, `break;`),
          /what two at once use/,
        ),
        twin(
          'forgets what came for a refresh token',
          edit(`this.#next.set(keyOf(owner, used), next);`, ``),
          /what two at once use/,
        ),
      ],
    ),
  ),

  requirement(
    'P-06',
    {
      demand: 'Accept refreshed tokens of the same user only.',
      source: 'OpenID Connect Core section 12.2',
    },
    check(
      refreshing,
      'a refresh takes no ID token of another person',
      async ({ refresh }) => {
        let who = subject;
        const configuration = {
          findAccount: (_context: unknown, accountId: string) => {
            const sub = accountId === subject ? who : accountId;
            return { accountId: sub, claims: () => ({ sub }) };
          },
        };
        await using as = await startProvider({ configuration });
        const { signIn } = await import('../../src/login.ts');
        using watched = new Watched(signIn({ issuer: as.issuer, clientId, scope: 'openid' }));
        await watched.visit();
        const same = await firstValueFrom(refresh(await watched.tokens()));
        assert.is(same.claims?.sub, subject);
        who = 'somebody-else';
        const outcome = await firstValueFrom(refresh(same)).then(
          ({ claims }) => `tokens of ${claims?.sub}`,
          (error: unknown) => (error as { code?: unknown }).code,
        );
        assert.is(outcome, 'token_request_failed', 'what a refresh for somebody else gives');
      },
      [
        twin(
          'does not look at whose tokens came',
          edit(`after.claims.sub !== before.claims.sub`, `after.claims.sub === ''`),
          /what a refresh for somebody else gives[^]*tokens·of·somebody-else/,
        ),
      ],
    ),
  ),

  requirement(
    'P-07',
    {
      demand: 'Verify the signature of an ID token unless it came over TLS.',
      source: 'OpenID Connect Core section 3.1.3.7; SECURITY.md',
    },
    check(
      signingIn,
      'a sign-in takes no ID token that is not signed, or signed by somebody else, where there is no TLS',
      async ({ signIn }) => {
        const jwk = {
          ...keys[0]!.publicKey.export({ format: 'jwk' }),
          kid: 'spec',
          use: 'sig',
          alg: 'RS256',
        };
        let next = '';
        await using as = await startProvider({
          intercept: ({ url }, response) => {
            if (url === '/jwks') json(response, 200, { keys: [jwk] });
            if (url === '/token')
              json(response, 200, { access_token: 'a', token_type: 'bearer', id_token: next });
            return url === '/jwks' || url === '/token';
          },
        });
        for (const [what, key, expected] of [
          ['one that is not signed', undefined, 'failed'],
          ['one that somebody else has signed', 1, 'failed'],
          ['its own', 0, 'exchanged'],
        ] as const) {
          using watched = new Watched(signIn({ issuer: as.issuer, clientId, scope: 'openid' }));
          const { url } = await watched.next('authorize');
          const nonce = url.searchParams.get('nonce');
          next = idToken({ iss: as.issuer, aud: clientId, sub: subject, nonce }, key);
          await visit(comingBack(url, { code: 'c', iss: as.issuer }));
          await watched.ended();
          assert.is(watched.types.at(-1), expected, `with an ID token, ${what}`);
        }
      },
      [
        twin(
          'takes an ID token as it comes',
          edit(
            `await openid.authorizationCodeGrant(`,
            `await (async (configuration, url, _checks, more) => {
        const grant = { grant_type: 'authorization_code', client_id: client.id, code: url.searchParams.get('code') ?? '' };
        const body = new URLSearchParams([...more, ...Object.entries(grant)]);
        const answer = await fetch(configuration.serverMetadata().token_endpoint!, { method: 'POST', body });
        return (await answer.json()) as Awaited<ReturnType<typeof openid.authorizationCodeGrant>>;
      })(`,
          ),
          /with an ID token, one that is not signed/,
        ),
        twin(
          'does not look at who has signed it',
          edit(
            `if (metadata.token_endpoint?.startsWith('http:')) openid.enableNonRepudiationChecks(configuration);`,
            `if (metadata.token_endpoint === '') openid.enableNonRepudiationChecks(configuration);`,
          ),
          /with an ID token, one that somebody else has signed/,
        ),
      ],
    ),
    check(
      signingIn,
      'a sign-in takes no ID token where there is neither TLS nor a key',
      async ({ signIn }) => {
        for (const jwks_uri of [undefined, null, '']) {
          let nonce: string | null = null;
          await using as = await startIssuer({
            metadata: { jwks_uri, id_token_signing_alg_values_supported: ['RS256', 'none'] },
            token: (_form, response) =>
              json(response, 200, {
                access_token: 'a',
                token_type: 'bearer',
                id_token: idToken({ iss: as.issuer, aud: clientId, sub: subject, nonce }, key),
              }),
          });
          let key: number | undefined = 0;
          for (const scope of ['openid', 'notes']) {
            for (key of [0, undefined]) {
              using watched = new Watched(
                signIn({ issuer: as.issuer, clientId, scope, singleFlight: false }),
              );
              const { url } = await watched.next('authorize');
              nonce = url.searchParams.get('nonce');
              await visit(comingBack(url, { code: 'c' }));
              await watched.ended();
              assert.is(
                watched.types.at(-1),
                'failed',
                `with jwks_uri ${String(jwks_uri)} and scope ${scope}`,
              );
            }
          }
        }
      },
      [
        twin(
          'verifies a signature only if there are keys',
          edit(
            `if (metadata.token_endpoint?.startsWith('http:')) openid.enableNonRepudiationChecks(configuration);`,
            `if (metadata.token_endpoint?.startsWith('http:') && metadata.jwks_uri) openid.enableNonRepudiationChecks(configuration);`,
          ),
          /with jwks_uri undefined and scope openid/,
        ),
      ],
    ),
  ),

  requirement(
    'P-08',
    {
      demand: 'Use a pasted response only for the flow whose state and issuer it carries.',
      source: 'docs/guides/tokens.md; SECURITY.md',
    },
    check(
      pasting,
      'what is pasted is for the flow of its state, and of its issuer',
      ({ paste }) =>
        withServer({}, async ({ server }) => {
          const flow = await server.begin({ issuer: 'https://as.example' });
          const seen = observe(flow);
          const { redirectUri, state } = flow;
          for (const [text, disposition] of [
            [`${redirectUri}?code=c&state=another-state-of-no-flow`, 'unmatched'],
            [`code=c&state=another-state-of-no-flow`, 'unmatched'],
            [`${redirectUri}?code=c&state=${state}&iss=https%3A%2F%2Fevil.example`, 'wrong_issuer'],
            [`https://evil.example/callback?code=c&state=${state}`, 'refused'],
          ] as const)
            assert.is(
              (await paste(server, text, flow)).disposition,
              disposition,
              text.replace(state, 'STATE'),
            );
          assert.equal(seen, { responses: [], errors: [], completed: false });
          assert.is((await paste(server, `code=c&state=${state}`, flow)).disposition, 'accepted');
        }),
      [
        twin(
          'takes the code of any response that is pasted',
          edit(
            `  if (pasted === '')`,
            `  const found = new URLSearchParams(pasted.slice(pasted.indexOf('?') + 1)).get('code');\n` +
              `  if (found && rest) return pastedRequest(found, { redirectUri, prefix, rest });\n  if (pasted === '')`,
          ),
          /state=another-state-of-no-flow/,
        ),
      ],
    ),
    check(
      submitting,
      'what is pasted for a service elsewhere is not sent, unless it is of this sign-in',
      ({ submitElsewhere }) =>
        withServer({}, async ({ server, redirects }) => {
          await using elsewhere = createOAuthCallbackServer();
          await elsewhere.listen();
          let strays = 0;
          elsewhere.redirects.subscribe(() => strays++);
          const issuer = 'https://as.example';
          const flow = await server.begin({ issuer });
          const { redirectUri, state } = flow;
          const submit = (text: string): Promise<string | undefined> =>
            submitElsewhere(text, { state, redirectUri, issuer }, AbortSignal.timeout(assert.patience));
          for (const [what, text] of [
            ['another state', `${redirectUri}?code=c&state=another-state-of-no-flow`],
            ['another issuer', `code=c&state=${state}&iss=https%3A%2F%2Fevil.example`],
            ['another server', `${elsewhere.redirectUri}?code=c&state=${state}`],
            ['another path', `${redirectUri}/x?code=c&state=${state}`],
            ['a code given twice', `code=c&state=${state}&code=d`],
          ] as const) {
            assert.type(await submit(text), 'string', `${what} is taken`);
            assert.equal([redirects.length, strays], [0, 0], `${what} is sent`);
          }
          assert.is(await submit(`code=c&state=${state}`), undefined);
          assert.equal([redirects.map(({ disposition }) => disposition), strays], [['accepted'], 0]);
        }),
      [
        twin(
          'sends the response of another sign-in',
          edit(`if (fields.state !== state) return`, `if (!fields.state) return`),
          /another state is sent/,
        ),
        twin(
          'sends what another issuer has said',
          edit(`fields.iss === issuer ?`, `fields.iss !== '' ?`),
          /another issuer is sent/,
        ),
        twin(
          'asks any server that is pasted',
          edit(`url?.origin === home.origin && url.pathname`, `url?.pathname`),
          /another server is (?:taken|sent)/,
        ),
      ],
    ),
  ),

  requirement(
    'P-17',
    {
      demand: 'Read at most 1 MiB of an answer of an authorization server.',
      source: 'CWE-770; SECURITY.md',
    },
    check(
      signingIn,
      'a sign-in reads no answer to its end that is too long',
      async ({ signIn }) => {
        let long = '';
        const send = (response: ServerResponse, at: string, body: object): void => {
          response.writeHead(200, { 'Content-Type': 'application/json' });
          if (at === long) response.write(' '.repeat(2_000_000));
          response.end(JSON.stringify(body));
        };
        await using loopback = await listenOnLoopback();
        const { origin: issuer, http } = loopback;
        http.on('request', ({ url = '' }: IncomingMessage, response: ServerResponse) => {
          if (url.startsWith('/.well-known/'))
            send(response, 'metadata', {
              issuer,
              authorization_endpoint: `${issuer}/authorize`,
              token_endpoint: `${issuer}/token`,
              registration_endpoint: `${issuer}/register`,
            });
          else if (url === '/register') send(response, 'registration', { client_id: 'made' });
          else send(response, 'tokens', { access_token: 'a', token_type: 'bearer' });
        });
        for (const [what, expected] of [
          ['', 'exchanged'],
          ['metadata', 'failed'],
          ['registration', 'failed'],
          ['tokens', 'failed'],
        ] as const) {
          long = what;
          using watched = new Watched(signIn({ issuer, singleFlight: false }), (event) => {
            if (event.type === 'authorize') void visit(comingBack(event.url, { code: 'c' }));
          });
          await watched.ended();
          assert.is(watched.types.at(-1), expected, `long ${what}`);
        }
      },
      [
        twin(
          'reads all of an answer',
          edit(`if (size > maxBytes) throw`, `if (size < 0) throw`),
          /long metadata/,
        ),
        twin(
          'reads all of a token response',
          edit(
            `text: await textOf(response, until) });`,
            `text: url.endsWith('/token') ? await response.text() : await textOf(response, until) });`,
          ),
          /long tokens/,
        ),
      ],
    ),
  ),

  requirement(
    'P-18',
    {
      demand: 'Understand authorization servers as they are, not only as the standards have them.',
      source: 'RFC 6749 sections 2.3.1 and 5.2; RFC 7591 section 3.2',
    },
    check(
      signingIn,
      'a sign-in reads the error of a token endpoint wherever it is',
      async ({ signIn }) => {
        const error = 'invalid_client';
        for (const [what, status, headers, body] of [
          ['a challenge', 401, { 'WWW-Authenticate': 'Basic realm="as"' }, JSON.stringify({ error })],
          ['success', 200, {}, JSON.stringify({ error })],
          ['trouble', 500, {}, JSON.stringify({ error })],
          ['HTML', 400, { 'Content-Type': 'text/html' }, JSON.stringify({ error })],
          ['a form', 400, { 'Content-Type': 'application/x-www-form-urlencoded' }, `error=${error}`],
        ] as const) {
          await using as = await startIssuer({
            token: (_form, response) => response.writeHead(status, headers).end(body),
          });
          using watched = new Watched(signIn({ issuer: as.issuer, clientId }));
          await visit(comingBack((await watched.next('authorize')).url, { code: 'c' }));
          const failure = await watched.failure();
          assert.is('error' in failure && failure.error, error, `the error beside ${what}`);
          assert.is('status' in failure && failure.status, status);
        }
      },
      [
        twin(
          'leaves the error of an answer with a challenge to openid-client',
          edit(
            `if (typeof error === 'string') throw`,
            `if (typeof error === 'string' && !answer.headers.has('www-authenticate')) throw`,
          ),
          /the error beside a challenge/,
        ),
        twin(
          'looks for an error only in answers that are none',
          edit(
            `if (typeof error === 'string') throw`,
            `if (typeof error === 'string' && !isOk(answer)) throw`,
          ),
          /the error beside success/,
        ),
        twin(
          'reads JSON only',
          edit(`form.test(text) ? new URLSearchParams(text.trim()) : undefined`, `undefined`),
          /the error beside a form/,
        ),
      ],
    ),
    check(
      signingIn,
      'a sign-in takes empty fields as absent, and registers without a scope that is rejected',
      async ({ signIn }) => {
        const empty = { refresh_token: null, expires_in: null, id_token: '', scope: null };
        await using as = await startIssuer({
          register: (body, response) =>
            'scope' in body
              ? json(response, 400, { error: 'invalid_client_metadata' })
              : json(response, 201, { client_id: 'a-b_c', client_secret: 'd.e*f', client_uri: null }),
          token: (_form, response) =>
            json(response, 200, { access_token: 'a', token_type: 'bearer', ...empty }),
        });
        using watched = new Watched(signIn({ issuer: as.issuer, scope: 'notes' }));
        await visit(comingBack((await watched.next('authorize')).url, { code: 'c' }));
        await watched.ended();
        assert.is(watched.types.at(-1), 'exchanged', 'empty fields');
        const { authorization = '' } = as.requests.at(-1)!.headers;
        assert.is(Buffer.from(authorization.slice('Basic '.length), 'base64').toString(), 'a-b_c:d.e*f');
      },
      [
        twin(
          'passes empty fields on',
          edit(`return value === null ||`, `return value === undefined ||`),
          /empty fields/,
        ),
        twin(
          'registers once',
          edit(`if (scope === undefined || !mayConcernScope`, `if (scope !== '' || !mayConcernScope`),
          /answered invalid_client_metadata/,
        ),
        twin(
          'wants an expiry of every secret',
          edit(`expiry > 0 ? expiry : 0`, `expiry > 0 ? expiry : undefined`),
          /client_secret_expires_at/,
        ),
        twin(
          'encodes the header as openid-client does',
          edit(`: basic(secret)`, `: openid.ClientSecretBasic(secret)`),
          /a%2Db%5Fc/,
        ),
      ],
    ),
    check(
      signingIn,
      'a sign-in looks for metadata where the next location is',
      async ({ signIn }) => {
        for (const [what, status, body] of [
          ['a page', 200, '<!doctype html>'],
          ['an error', 200, '{"error":"not_found"}'],
          ['trouble', 502, ''],
          ['another issuer', 200, '{"issuer":"https://as.example"}'],
        ] as const) {
          await using loopback = await listenOnLoopback();
          const issuer = `${loopback.origin}/tenant`;
          loopback.http.on('request', ({ url = '' }: IncomingMessage, response: ServerResponse) => {
            if (url.startsWith('/tenant'))
              response.writeHead(status, { 'Content-Type': 'application/json' }).end(body);
            else
              json(response, 200, {
                issuer,
                authorization_endpoint: `${issuer}/authorize`,
                token_endpoint: `${issuer}/token`,
              });
          });
          using watched = new Watched(signIn({ issuer, clientId }));
          assert.is((await watched.first()).type, 'discovered', `after ${what}`);
        }
      },
      [
        twin(
          'stops at the first answer that is no 404',
          edit(`if (found.isFinal) break;`, `if (found.rank > 0) break;`),
          /after a page/,
        ),
        twin(
          'stops at metadata of another issuer',
          edit(`if (found.isFinal) break;`, `if (found.rank > 2) break;`),
          /after another issuer/,
        ),
      ],
    ),
  ),

  requirement(
    'P-19',
    {
      demand: 'Tell a sign-in at once that a redirect of it was rejected, and why.',
      source: 'docs/reference/events.md',
    },
    check(
      signingIn,
      'a sign-in is told of each of its redirects that is rejected, and of no other',
      async ({ signIn }) => {
        await using as = await startIssuer();
        const { issuer } = as;
        for (const [what, expected, ask] of [
          ['another issuer', 'wrong_issuer', (own) => visit(`${own.href}&iss=https://evil.example`)],
          ['another host', 'wrong_host', (own) => visit(own, undefined, { Host: `localhost:${own.port}` })],
          ['no code', 'missing_code', (own) => visit(own.href.replace('code=c', 'code='))],
          [
            'a form',
            'wrong_response_mode',
            (own) =>
              send(own, {
                method: 'POST',
                target: own.pathname,
                headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
                body: own.search.slice(1),
              }),
          ],
        ] satisfies readonly [string, string, (own: URL) => Promise<unknown>][]) {
          using watched = new Watched(signIn({ issuer, clientId, singleFlight: false }));
          const own = new URL(comingBack((await watched.next('authorize')).url, { code: 'c' }));
          await ask(own);
          // The redirect that is accepted comes after it.
          await visit(own);
          await watched.next('received');
          const told = watched.events.flatMap((event) =>
            event.type === 'rejected' ? [event.reason ?? event.disposition] : [],
          );
          assert.equal(told, [expected], `what is told of ${what}`);
        }
        await using host = createOAuthCallbackServer();
        await host.listen();
        using one = new Watched(signIn({ issuer, clientId, host }));
        using other = new Watched(signIn({ issuer, clientId: 'another', host }));
        await other.next('waiting');
        await visit(
          comingBack((await one.next('authorize')).url, { code: 'c', iss: 'https://evil.example' }),
        );
        await one.next('rejected');
        assert.equal(other.types, ['discovered', 'authorize', 'waiting'], 'what another sign-in is told');
      },
      [
        twin(
          'names no flow of a redirect that fails a check before its state',
          edit(`const flow = this.#options.flows.pendingOf(response.fields);`, `const flow = undefined;`),
          /what is told of another host/,
        ),
        twin(
          'names no flow of a response that is not valid',
          edit(`flow: flows.pendingOf(fields),`, `flow: undefined,`),
          /what is told of no code/,
        ),
        twin(
          'reads no form before a flow expects one',
          edit(`if (posted && ours && this.#mayConcernFlow`, `if (!posted && ours && this.#mayConcernFlow`),
          /what is told of a form/,
        ),
        twin(
          'tells each sign-in of every redirect',
          edit(`flowId === flow.id && disposition !== 'accepted'`, `disposition !== 'accepted'`),
          /what another sign-in is told/,
        ),
        twin(
          'tells of the redirect that is accepted',
          edit(`flowId === flow.id && disposition !== 'accepted'`, `flowId === flow.id`),
          /what is told of another issuer/,
        ),
      ],
    ),
  ),
);
