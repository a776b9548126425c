import { createHmac } from 'node:crypto';
import { type BeginOptions, InvalidOptionError } from '../../src/index.ts';
import * as assert from '../helpers/assert.ts';
import { withServer } from '../helpers/endpoint.ts';
import {
  carried,
  delivers,
  notTold,
  post,
  refuses,
  response,
  said,
  signIn,
  target,
  withIss,
} from './sign-in.ts';
import { edit } from '../helpers/weakened.ts';
import { check, requirement, requirementsOn, server, twin } from './requirement.ts';

const issuer = 'https://as.example';

const evil = 'https://evil.example';

type Claims = Record<string, unknown>;

function jwt(claims: Claims, { alg = 'HS256', key = 'the client secret' } = {}): string {
  const encode = (part: Claims): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  const signed = `${encode({ alg, typ: 'JWT' })}.${encode(claims)}`;
  return `${signed}.${alg === 'none' ? '' : createHmac('sha256', key).update(signed).digest('base64url')}`;
}

/** A JARM response that nothing is wrong with, and eight with which something is. */
function jarmResponses(state: string): Record<string, string> {
  const good = { iss: issuer, aud: 'client', exp: 4_000_000_000, code: 'CANARY', state };
  const without = (name: keyof typeof good): Claims => ({ ...good, [name]: undefined });
  return {
    'all is well': jwt(good),
    'alg is none': jwt(good, { alg: 'none' }),
    'the signature is bad': jwt(good, { key: 'another secret' }),
    'iss is wrong': jwt({ ...good, iss: evil }),
    'iss is missing': jwt(without('iss')),
    'aud is wrong': jwt({ ...good, aud: 'another client' }),
    'aud is missing': jwt(without('aud')),
    'exp is missing': jwt(without('exp')),
    'it has expired': jwt({ ...good, exp: 1 }),
  };
}

export const requirements = requirementsOn(
  'JARM',
  requirement(
    'C-07',
    {
      demand: 'Reject a response that carries several issuers.',
      source: 'RFC 9207 sections 2.4 and 4',
      note: 'decided: JARM is refused',
    },
    check(server, 'refuses a response with more than one issuer in it', (create) =>
      withServer(
        {},
        async (endpoint) => {
          const waiting = await signIn(endpoint.server, { issuer });
          const { flow } = waiting;
          const signed = (iss: string): string =>
            jwt({ iss, aud: 'client', exp: 4_000_000_000, code: 'CANARY', state: flow.state });
          for (const [inJwt, outside] of [
            [issuer, evil],
            [evil, issuer],
            [issuer, issuer],
          ] as const) {
            for (const query of [
              withIss(`response=${signed(inJwt)}`, outside),
              withIss(`response=${signed(inJwt)}&${response(flow, 'CANARY')}`, outside),
              withIss(`id_token=${signed(inJwt)}&${response(flow, 'CANARY')}`, outside),
              withIss(withIss(response(flow, 'CANARY'), inJwt), outside),
            ]) {
              await refuses(endpoint, waiting, target(flow, query), query);
            }
          }
          notTold(endpoint, 'CANARY');
          await delivers(endpoint, waiting, withIss(response(flow), issuer));
        },
        create,
      ),
    ),
  ),

  requirement(
    'C-11',
    {
      demand:
        'Reject a JARM response with a reason that says so, unless its signature and claims are verified.',
      source: 'JARM sections 2.4 and 3',
      note: 'decided: JARM is refused',
    },
    check(
      server,
      'refuses every JARM response, and says that it is one',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const waiting = await signIn(endpoint.server, { issuer });
            const { flow } = waiting;
            for (const [what, token] of Object.entries(jarmResponses(flow.state))) {
              for (const query of [`response=${token}`, `response=${token}&state=${flow.state}`]) {
                await refuses(endpoint, waiting, target(flow, query), what);
                const { disposition, reason } = endpoint.redirects.at(-1)!;
                assert.equal([disposition, reason], ['malformed', 'jarm_not_supported'], what);
                const event = endpoint.events.at(-1)!;
                assert.is(event.type === 'redirect' && event.reason, 'jarm_not_supported', what);
                assert.not.match(carried(endpoint) + said(endpoint), token);
              }
            }
            notTold(endpoint, 'CANARY');
            await delivers(endpoint, waiting);
          },
          create,
        ),
      [
        twin(
          'ignores a JARM response',
          edit(`if (given.response) reason ??= 'jarm_not_supported';`, ''),
          /all is well/,
        ),
      ],
    ),
  ),

  requirement(
    'C-12',
    {
      demand: 'Begin no flow that would ask for JARM.',
      source: 'JARM section 2.3; oauth4webapi',
      note: 'decided: JARM is refused',
    },
    check(server, 'refuses JARM beside plain parameters, in a query and in a form', (create) =>
      withServer(
        {},
        async (endpoint) => {
          const plain = await signIn(endpoint.server);
          const form = await signIn(endpoint.server, { responseMode: 'form_post' });
          for (const token of [...Object.values(jarmResponses(plain.flow.state)), 'x']) {
            for (const encoded of [
              `response=${token}&${response(plain.flow)}`,
              `${response(plain.flow)}&response=${token}`,
            ]) {
              await refuses(endpoint, plain, target(plain.flow, encoded), encoded);
              assert.is(endpoint.redirects.at(-1)!.reason, 'jarm_not_supported');
            }
            for (const encoded of [`response=${token}`, `${response(form.flow)}&response=${token}`]) {
              await refuses(endpoint, form, post('/callback', encoded), encoded);
              assert.is(endpoint.redirects.at(-1)!.reason, 'jarm_not_supported');
            }
          }
          await delivers(endpoint, plain);
          assert.is((await endpoint.send(post('/callback', response(form.flow)))).status, 200);
          assert.is(form.seen.responses.length, 1);
        },
        create,
      ),
    ),
    check(server, 'begins no flow that would ask for JARM', (create) =>
      withServer(
        {},
        async ({ server }) => {
          const flow = await server.begin();
          const form = await server.begin({ responseMode: 'form_post' });
          for (const mode of ['jwt', 'query.jwt', 'form_post.jwt', 'fragment.jwt', 'fragment']) {
            const options = { responseMode: mode } as unknown as BeginOptions;
            await assert.rejects(server.begin(options), InvalidOptionError);
            for (const each of [flow, form]) {
              const params = { response_mode: mode };
              assert.throws(() => each.authorizationUrl('https://as.example/a', params), InvalidOptionError);
              const endpoint = `https://as.example/a?response_mode=${mode}`;
              assert.throws(() => each.authorizationUrl(endpoint), InvalidOptionError);
              const both = { response_mode: ['query', mode] };
              assert.throws(() => each.authorizationUrl('https://as.example/a', both), InvalidOptionError);
            }
          }
          const asked = (each: typeof flow, params = {}): string | null =>
            each.authorizationUrl('https://as.example/a', params).searchParams.get('response_mode');
          assert.equal(
            [asked(flow), asked(flow, { response_mode: 'query' }), asked(form)],
            [null, 'query', 'form_post'],
          );
        },
        create,
      ),
    ),
  ),
);
