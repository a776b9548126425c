import { type BeginOptions, InvalidOptionError, ofState } from '../../src/index.ts';
import { type ServerMetadata, signIn as startSignIn } from '../../src/login.ts';
import { mismatch } from '../../src/model/expectation.ts';
import * as assert from '../helpers/assert.ts';
import { withServer } from '../helpers/endpoint.ts';
import { visit } from '../helpers/http.ts';
import { comingBack, json, startIssuer } from '../helpers/issuer.ts';
import { Watched } from '../helpers/watched.ts';
import { delivers, notTold, refuses, response, signIn, type SignIn, target, withIss } from './sign-in.ts';
import { edit, replacing } from '../helpers/weakened.ts';
import { check, exportsOf, requirement, requirementsOn, server, twin } from './requirement.ts';

const signingIn = exportsOf<typeof import('../../src/login/sign-in.ts')>('login/sign-in.ts');

const metadataModule = exportsOf<typeof import('../../src/login/metadata.ts')>('login/metadata.ts');

const issuer = 'https://as.example';

const evil = 'https://evil.example';

const mayBeAsked = `return local ? isSecure(parsed) : parsed.protocol === 'https:';`;

export const requirements = requirementsOn(
  'Issuers',
  requirement(
    'C-01',
    {
      demand: 'Store the expected issuer with each flow.',
      source: 'RFC 9700 section 4.4.2; OAuth 2.1 section 7.15',
    },
    check(server, 'wants to know the issuer of each flow where there are several', (create) =>
      withServer(
        { issuers: [issuer, 'https://other.example'], maxFlows: 1 },
        async (endpoint) => {
          const { server } = endpoint;
          for (const options of [{}, { issuer: evil }, { issuer: '' }, { issuer: `${issuer}/` }]) {
            const error = await assert.rejects(server.begin(options), InvalidOptionError);
            assert.instance(error, TypeError);
            assert.is(error.option, 'issuer');
          }
          // None of them has taken the only place.
          const waiting = await signIn(server, { issuer, requireIssuer: true });
          await delivers(endpoint, waiting, withIss(response(waiting.flow), issuer));
        },
        create,
      ),
    ),
    check(
      server,
      'rejects an issuer that no response can have',
      (create) =>
        withServer(
          {},
          async ({ server }) => {
            for (const none of [
              '',
              'https://as.example\n',
              'https://as.example\0',
              ' https://as.example',
              5,
            ]) {
              const attempt = server.begin({ issuer: none as string });
              const error = await assert.rejects(attempt, InvalidOptionError);
              assert.match(error.message, 'issuer must be a URL without spaces; got ');
            }
          },
          create,
        ),
      [
        twin(
          'takes any text',
          edit(`!/^[^\\s\\p{Cc}]+$/u.test(issuer)`, `issuer === ''`),
          /Expected promise to reject/,
        ),
      ],
      { also: ['B1'] },
    ),
    check(
      server,
      'keeps the issuer with each flow, and takes that of no other',
      (create) =>
        withServer(
          { issuers: [issuer, 'https://other.example'] },
          async (endpoint) => {
            const flows: [SignIn, string, string][] = [
              [
                await signIn(endpoint.server, { issuer, requireIssuer: true }),
                issuer,
                'https://other.example',
              ],
              [
                await signIn(endpoint.server, { issuer: 'https://other.example', requireIssuer: true }),
                'https://other.example',
                issuer,
              ],
            ];
            for (const [waiting, , others] of flows) {
              const query = withIss(response(waiting.flow, 'CANARY'), others);
              await refuses(endpoint, waiting, target(waiting.flow, query), others);
            }
            notTold(endpoint, 'CANARY');
            for (const [waiting, own] of flows) {
              await delivers(endpoint, waiting, withIss(response(waiting.flow), own));
            }
          },
          create,
        ),
      [
        twin(
          'takes any issuer that is configured',
          replacing(
            { mismatch },
            (real) => (expected, arrival, iss) =>
              real(expected, arrival, iss?.startsWith('https://') ? expected.issuer?.issuers[0] : iss),
          ),
          /https:\/\/other\.example: is answered 200/,
        ),
      ],
    ),
    check(server, 'expects the only issuer there is, also of a flow that names none', (create) =>
      withServer(
        { issuers: [issuer] },
        async (endpoint) => {
          const waiting = await signIn(endpoint.server);
          const wrong = withIss(response(waiting.flow, 'CANARY'), evil);
          await refuses(endpoint, waiting, target(waiting.flow, wrong), 'a foreign issuer');
          await delivers(endpoint, waiting, withIss(response(waiting.flow), issuer));

          const codes: unknown[] = [];
          const state = 'a-state-that-another-library-made';
          endpoint.server.redirects.pipe(ofState(state)).subscribe(({ code }) => codes.push(code));
          const { status } = await endpoint.visit(withIss(`/callback?code=CANARY&state=${state}`, evil));
          assert.equal([status, codes], [400, []]);
          await endpoint.visit(withIss(`/callback?code=good&state=${state}`, issuer));
          assert.equal(codes, ['good']);
          notTold(endpoint, 'CANARY');
        },
        create,
      ),
    ),
  ),

  requirement(
    'C-02',
    {
      demand: 'Reject a response of another issuer, success and error alike, and do not release its code.',
      source: 'RFC 9207 section 2.4',
    },
    check(
      server,
      'refuses a response of another issuer, be it a success or an error',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const unknown = await endpoint.visit('/callback?code=a&state=nobody-waits-for-this-one');
            for (const options of [
              { issuer },
              { issuer, issuerAdvertised: true },
              { issuer, requireIssuer: true },
            ]) {
              const waiting = await signIn(endpoint.server, options);
              const { state } = waiting.flow;
              for (const foreign of [
                evil,
                'https://as.example.evil.example',
                'https://evil.example/as.example',
                'x',
              ]) {
                for (const query of [
                  `code=CANARY&state=${state}`,
                  `error=access_denied&error_description=CANARY&state=${state}`,
                  `code=CANARY&error=access_denied&state=${state}`,
                ]) {
                  const url = target(waiting.flow, withIss(query, foreign));
                  const answer = await refuses(endpoint, waiting, url, url);
                  assert.is(answer.body, unknown.body, 'is not answered with the neutral page');
                  assert.is(endpoint.redirects.at(-1)!.disposition, 'wrong_issuer');
                }
              }
              notTold(endpoint, 'CANARY');
              await delivers(endpoint, waiting, withIss(response(waiting.flow), issuer));
            }
          },
          create,
        ),
      [
        twin(
          'checks the issuer of a code only',
          edit(
            `mismatch(flow.expectation, arrival, fields.iss)`,
            `mismatch(fields.error ? { ...flow.expectation, issuer: undefined } : flow.expectation, arrival, fields.iss)`,
          ),
          /error=access_denied.*iss=https%3A%2F%2Fevil\.example: is accepted/,
        ),
      ],
    ),
    check(
      signingIn,
      'a sign-in takes the response of its own issuer, and none without one where it is advertised',
      async ({ signIn }) => {
        await using as = await startIssuer({
          metadata: { authorization_response_iss_parameter_supported: true },
          token: (_form, response) => json(response, 200, { access_token: 'a', token_type: 'bearer' }),
        });
        using watched = new Watched(signIn({ issuer: as.issuer, clientId: 'c' }));
        const { url } = await watched.next('authorize');
        for (const iss of ['https://evil.example', `${as.issuer}/`, undefined]) {
          const { status } = await visit(comingBack(url, { code: 'c', ...(iss !== undefined && { iss }) }));
          assert.is(status, 400, `a response of ${iss === undefined ? 'nobody' : 'another issuer'}`);
        }
        assert.is(as.requests.length, 1, 'a code is redeemed');
        await visit(comingBack(url, { code: 'c', iss: as.issuer }));
        assert.is((await watched.tokens()).access_token, 'a');
      },
      [
        twin(
          'takes a response of any issuer',
          edit(
            `issuer: metadata.issuer,\n    issuerAdvertised: metadata.authorization_response_iss_parameter_supported === true,`,
            ``,
          ),
          /a response of another issuer/,
        ),
        twin(
          'does without the issuer that is advertised',
          edit(`iss_parameter_supported === true`, `iss_parameter_supported === false`),
          /a response of nobody/,
        ),
      ],
      { also: ['C-04'] },
    ),
  ),

  requirement(
    'C-03',
    {
      demand: 'Compare issuers as strings, after one decoding and without normalisation.',
      source: 'RFC 9207 section 2.4; RFC 3986 section 6.2.1',
    },
    check(
      server,
      'compares issuers as strings, after one decoding and no normalising',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const long = 'https://as.example:8443/Tenant/%7Ea/';
            for (const [expected, others] of [
              [
                issuer,
                [
                  'https://as.example/',
                  'https://AS.example',
                  'https://as.example:443',
                  'https://as%2Eexample',
                  'HTTPS://as.example',
                  'http://as.example',
                  'https://as.example.',
                  'https://as.example#',
                  'https://as.example?',
                  'https://user@as.example',
                  'https://as.example/.',
                  '//as.example',
                  'as.example',
                  'https://as.exampl',
                  ' https://as.example',
                  'https://as.example\t',
                  'https%3A%2F%2Fas.example',
                ],
              ],
              [
                long,
                [
                  'https://as.example:8443/Tenant/~a/',
                  'https://as.example:8443/Tenant/%7ea/',
                  'https://as.example:8443/tenant/%7Ea/',
                  'https://as.example:8443/Tenant/%7Ea',
                  'https://as.example/Tenant/%7Ea/',
                  'https://as.example:8443/x/../Tenant/%7Ea/',
                  'https://as.example:8443//Tenant/%7Ea/',
                ],
              ],
              ['https://as.example/', [issuer]],
            ] as const) {
              const waiting = await signIn(endpoint.server, { issuer: expected });
              const { flow } = waiting;
              for (const other of others) {
                await refuses(
                  endpoint,
                  waiting,
                  target(flow, withIss(response(flow, 'CANARY'), other)),
                  other,
                );
              }
              // Not decoded, and decoded twice.
              const twice = target(flow, withIss(response(flow, 'CANARY'), encodeURIComponent(expected)));
              await refuses(endpoint, waiting, twice, `${expected}, encoded twice`);
              await delivers(endpoint, waiting, withIss(response(flow), expected));
            }
            notTold(endpoint, 'CANARY');
            // Escapes of the form are no part of the issuer.
            const escaped = await signIn(endpoint.server, { issuer });
            await delivers(endpoint, escaped, `${response(escaped.flow)}&iss=https:%2F/as%2Eex%61mple`);
          },
          create,
        ),
      [
        twin(
          'normalises issuers before it compares them',
          replacing({ mismatch }, (real) => (expected, arrival, iss) => {
            const same = expected.issuer?.issuers.find(
              (each) => new URL(each).href === new URL(iss ?? each).href,
            );
            return real(expected, arrival, iss === undefined ? iss : (same ?? iss));
          }),
          /https:\/\/as\.example\/: is answered 200/,
        ),
      ],
    ),
  ),

  requirement(
    'C-04',
    {
      demand: 'Reject a response without an issuer if the server advertises that it sends one.',
      source: 'RFC 9207 section 2.4',
    },
    check(
      server,
      'refuses a response without iss of a server that advertises it',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const waiting = await signIn(endpoint.server, { issuer, issuerAdvertised: true });
            const { flow } = waiting;
            for (const query of [
              response(flow, 'CANARY'),
              `${response(flow, 'CANARY')}&iss=`,
              `${response(flow, 'CANARY')}&iss`,
              `${response(flow, 'CANARY')}&Iss=${encodeURIComponent(issuer)}`,
              `error=access_denied&error_description=CANARY&state=${flow.state}`,
            ]) {
              await refuses(endpoint, waiting, target(flow, query), query);
            }
            notTold(endpoint, 'CANARY');
            await delivers(endpoint, waiting, withIss(response(flow), issuer));
          },
          create,
        ),
      [
        twin(
          'takes a missing iss for the right one',
          replacing(
            { mismatch },
            (real) => (expected, arrival, iss) =>
              real(iss === undefined ? { ...expected, issuer: undefined } : expected, arrival, iss),
          ),
          /code=\w+&state=[\w-]+: is answered 200/,
        ),
      ],
    ),
    check(server, 'takes no promise of an issuer without knowing the issuer', (create) =>
      withServer(
        {},
        async ({ server }) => {
          for (const options of [{ issuerAdvertised: true }, { requireIssuer: true }]) {
            await assert.rejects(server.begin(options), InvalidOptionError);
          }
        },
        create,
      ),
    ),
  ),

  requirement(
    'C-05',
    {
      demand:
        'Compare an issuer that is present but not advertised, and accept a missing one unless it is required.',
      source: 'RFC 9207 section 2.4; MCP authorization',
    },
    check(
      server,
      'meets the truth table of advertised, present, equal and policy',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const policies: [BeginOptions, match: boolean, mismatch: boolean, absent: boolean][] = [
              [{ issuer }, true, false, true],
              [{ issuer, unadvertisedIssuer: 'compare' }, true, false, true],
              [{ issuer, requireIssuer: true }, true, false, false],
              [{ issuer, unadvertisedIssuer: 'discard' }, false, false, true],
              [{ issuer, issuerAdvertised: true }, true, false, false],
              [{ issuer, issuerAdvertised: true, requireIssuer: true }, true, false, false],
              [{ issuer, issuerAdvertised: true, unadvertisedIssuer: 'discard' }, true, false, false],
              // Without an issuer there is nothing to compare with.
              [{}, true, true, true],
            ];
            for (const [options, ...outcomes] of policies) {
              for (const [index, iss] of [issuer, evil, undefined].entries()) {
                for (const kind of ['code=CANARY', 'error=access_denied'] as const) {
                  const waiting = await signIn(endpoint.server, options);
                  const { flow, seen } = waiting;
                  const plain = `${kind}&state=${flow.state}`;
                  const url = target(flow, iss === undefined ? plain : withIss(plain, iss));
                  const what = `${JSON.stringify(options)}, ${kind}, iss=${String(iss)}`;
                  if (outcomes[index]) {
                    await endpoint.visit(url);
                    assert.is(seen.responses.length, 1, what);
                    assert.is(seen.responses[0]!.iss, iss, what);
                  } else {
                    await refuses(endpoint, waiting, url, what);
                    assert.is(endpoint.redirects.at(-1)!.disposition, 'wrong_issuer', what);
                  }
                }
              }
            }
          },
          create,
        ),
      [
        twin(
          'compares only an issuer that is advertised',
          replacing(
            { mismatch },
            (real) => (expected, arrival, iss) =>
              real(
                iss !== undefined && !expected.issuer?.advertised
                  ? { ...expected, issuer: undefined }
                  : expected,
                arrival,
                iss,
              ),
          ),
          /iss=https:\/\/evil\.example: is answered 200/,
        ),
      ],
    ),
  ),

  requirement(
    'C-06',
    {
      demand: 'Reject a configuration in which two authorization servers have the same issuer.',
      source: 'RFC 9207 section 4',
    },
    check(
      server,
      'refuses two authorization servers with one issuer',
      (create) => {
        for (const issuers of [
          [issuer, issuer],
          ['https://other.example', issuer, evil, issuer],
        ]) {
          const error = assert.throws(() => create({ issuers }), InvalidOptionError);
          assert.is(error.option, 'issuers');
        }
        // As strings, these differ, and that is what counts.
        create({ issuers: [issuer, `${issuer}/`, 'https://AS.example'] });
        return Promise.resolve();
      },
      [
        twin(
          'takes one issuer for two',
          edit('if (twice !== undefined)', 'if (false)'),
          /Expected function to throw/,
        ),
      ],
    ),
  ),

  requirement(
    'C-10',
    {
      demand: 'Use metadata of an authorization server only if its issuer is the one asked for.',
      source: 'RFC 8414 section 3.3',
    },
    check(server, 'sends nobody to an authorization server whose metadata is of another issuer', (create) =>
      withServer(
        {},
        async ({ server, events }) => {
          const others: readonly ((own: string) => string)[] = [
            () => 'https://evil.example',
            (own) => `${own}/`,
            (own) => own.replace('127.0.0.1', 'localhost'),
            (own) => own.toUpperCase(),
          ];
          for (const other of others) {
            await using as = await startIssuer({ metadata: (own) => ({ issuer: other(own) }) });
            using watched = new Watched(startSignIn({ issuer: as.issuer, clientId: 'c', host: server }));
            assert.is((await watched.failure()).code, 'discovery_failed', other(as.issuer));
            assert.equal([watched.types, events], [['failed'], []]);
          }
          await using as = await startIssuer();
          using watched = new Watched(startSignIn({ issuer: as.issuer, clientId: 'c', host: server }));
          assert.is((await watched.next('authorize')).url.origin, as.issuer);
        },
        create,
      ),
    ),
    check(
      metadataModule,
      'metadata is taken of its own issuer only, and with endpoints that may be asked',
      async ({ discover }) => {
        const { signal } = new AbortController();
        const flawOf = (issuer: string, change: Readonly<Record<string, unknown>>): Promise<unknown> => {
          const metadata: ServerMetadata = {
            issuer,
            authorization_endpoint: `${issuer}/authorize`,
            token_endpoint: `${issuer}/token`,
            ...change,
          };
          return discover({ issuer, metadata }, signal).then(
            () => 'nothing',
            (error: unknown) => (error as { flaw?: unknown }).flaw,
          );
        };
        const here = 'http://127.0.0.1:1';
        const there = 'https://as.example';
        for (const [what, issuer, change, flaw] of [
          ['good metadata', here, {}, 'nothing'],
          ['good metadata', there, {}, 'nothing'],
          ['another issuer', there, { issuer: 'https://evil.example' }, 'issuer_mismatch'],
          ['a slash more', there, { issuer: `${there}/` }, 'issuer_mismatch'],
          [
            'a token endpoint in the clear',
            here,
            { token_endpoint: 'http://as.example/token' },
            'insecure_endpoint',
          ],
          ['keys in the clear', there, { jwks_uri: 'http://as.example/jwks' }, 'insecure_endpoint'],
          [
            'a page of this machine',
            there,
            { authorization_endpoint: 'http://127.0.0.1/authorize' },
            'insecure_endpoint',
          ],
          ['a script', there, { authorization_endpoint: 'javascript:alert(1)' }, 'insecure_endpoint'],
        ] as const)
          assert.is(await flawOf(issuer, change), flaw, `the flaw of ${what}`);
        await using as = await startIssuer({ metadata: { issuer: there } });
        const found = discover({ issuer: as.issuer }, signal).then(
          () => 'taken',
          (error: unknown) => (error as { flaw?: unknown }).flaw,
        );
        assert.is(await found, 'issuer_mismatch', 'the flaw of what is fetched');
      },
      [
        twin(
          'takes metadata of any issuer',
          edit(`if (named === issuer) return true;`, `if (named !== '') return true;`),
          /the flaw of another issuer/,
        ),
        twin(
          'takes an issuer that differs by a slash for the same',
          edit(
            `if (new URL(named).href === new URL(issuer).href) return false;`,
            `if (new URL(named).href === new URL(issuer).href) return true;`,
          ),
          /the flaw of a slash more/,
        ),
        twin(
          'asks endpoints in the clear',
          edit(mayBeAsked, `return /^https?:$/.test(parsed.protocol) || local;`),
          /the flaw of a token endpoint in the clear/,
        ),
        twin(
          'lets a server elsewhere have this machine asked',
          edit(mayBeAsked, `return isSecure(parsed) || local === undefined;`),
          /the flaw of a page of this machine/,
        ),
        twin(
          'opens a script',
          edit(mayBeAsked, `return parsed.protocol !== 'http:' || (local && isSecure(parsed));`),
          /the flaw of a script/,
        ),
      ],
    ),
  ),
);
