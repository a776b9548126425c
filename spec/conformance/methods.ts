import { mismatch } from '../../src/model/expectation.ts';
import { isForm } from '../../src/callback/request.ts';
import { pageHeaders } from '../../src/page/security-headers.ts';
import * as assert from '../helpers/assert.ts';
import { type Endpoint, observe, withServer } from '../helpers/endpoint.ts';
import { compose, navigation, sendBytes, type HttpAnswer, type HttpRequest } from '../helpers/http.ts';
import { delivers, post, refuses, response, signIn, target } from './sign-in.ts';
import { edit, replacing } from '../helpers/weakened.ts';
import { check, requirement, requirementsOn, server, twin } from './requirement.ts';

const form = 'application/x-www-form-urlencoded';

/** A form_post with the headers given, and those that a browser adds. */
function submit(path: string, body: string, headers: Readonly<Record<string, string>> = {}): HttpRequest {
  return { ...post(path, body), headers: { ...navigation, 'Content-Type': form, ...headers } };
}

/** Sends a form_post and sees it delivered. */
async function postDelivers(
  { server, send }: Endpoint,
  what: string,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const flow = await server.begin({ responseMode: 'form_post' });
  const seen = observe(flow);
  const { status } = await send(submit('/callback', response(flow, `code of ${what}`), headers));
  assert.is(status, 200, `${what}: is answered ${status}`);
  assert.is(seen.responses[0]?.code, `code of ${what}`, `${what}: is not delivered`);
}

/** Neither an answer to a preflight nor leave to read one. */
function refusesCors({ status, headers }: HttpAnswer, what: string): void {
  const allowed = Object.keys(headers).filter((name) => name.startsWith('access-control-'));
  assert.equal(allowed, [], `${what} (${status}): allows ${allowed.join()}`);
}

export const requirements = requirementsOn(
  'Methods and response modes',
  requirement(
    'D-01',
    {
      demand: 'Answer HEAD without consuming the state.',
      source: 'RFC 9110 sections 9.2.1 and 9.3.2',
    },
    check(
      server,
      'answers HEAD without consuming the state, and the GET that follows with a page',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const { server, redirects, send } = endpoint;
            const waiting = await signIn(server);
            const real = target(waiting.flow, response(waiting.flow));
            for (const version of ['1.1', '1.0']) {
              const answer = await send({ method: 'HEAD', target: real, headers: navigation, version });
              assert.is(answer.status, 405, `HEAD over HTTP/${version} is answered ${answer.status}`);
              assert.is(answer.body, '', 'an answer to HEAD has no body');
            }
            assert.equal(redirects, [], 'HEAD is no redirect');
            assert.is(waiting.seen.responses.length, 0);
            await delivers(endpoint, waiting);
          },
          create,
        ),
      [
        twin(
          'takes HEAD for GET',
          edit(`method !== 'GET' && !(posted`, `!['GET', 'HEAD'].includes(method) && !(posted`),
          /HEAD over HTTP\/1\.1 is answered 200/,
        ),
      ],
    ),
  ),

  requirement(
    'D-02',
    {
      demand: 'Accept a form_post whatever submitted it, and no other type of body.',
      source: 'OAuth 2.0 Form Post Response Mode section 2',
    },
    check(server, 'delivers a form_post whatever submitted it', (create) =>
      withServer(
        {},
        async (endpoint) => {
          const origins = {
            'no Origin': {},
            'its Origin': { Origin: 'https://as.example' },
            'Origin null': { Origin: 'null' },
          };
          for (const [what, origin] of Object.entries(origins)) await postDelivers(endpoint, what, origin);
          // Parameters of the media type and its case are the browser's affair.
          for (const type of [
            `${form}; charset=UTF-8`,
            `${form};charset=utf-8`,
            'Application/X-WWW-Form-URLencoded',
          ])
            await postDelivers(endpoint, type, { 'Content-Type': type });
          const { server, port } = endpoint;
          const flow = await server.begin({ responseMode: 'form_post' });
          const seen = observe(flow);
          const body = response(flow, 'in chunks');
          const chunks = body.replace(/./g, (character) => `1\r\n${character}\r\n`);
          const head = compose(port, {
            method: 'POST',
            target: '/callback',
            headers: { ...navigation, 'Content-Type': form, 'Transfer-Encoding': 'chunked' },
          });
          assert.is((await sendBytes(port, `${head}${chunks}0\r\n\r\n`)).status, 200);
          assert.is(seen.responses[0]?.code, 'in chunks');
        },
        create,
      ),
    ),
    check(server, 'delivers an error that comes by form_post', (create) =>
      withServer(
        {},
        async ({ server, send }) => {
          const flow = await server.begin({ responseMode: 'form_post', issuer: 'https://as.example' });
          const seen = observe(flow);
          const body = `error=login_required&iss=${encodeURIComponent('https://as.example')}&state=${flow.state}`;
          const { status } = await send(submit('/callback', body, { Origin: 'https://as.example' }));
          assert.is(status, 400);
          const [delivered] = seen.responses;
          assert.equal(delivered?.toDict(), {
            error: 'login_required',
            state: flow.state,
            iss: 'https://as.example',
          });
        },
        create,
      ),
    ),
    check(
      server,
      'answers 415 to a body that is no form, and the sign-in goes on',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const waiting = await signIn(endpoint.server, { responseMode: 'form_post' });
            const { flow, seen } = waiting;
            const code = 'the-code';
            const dashes = '------boundary';
            const multipart = Object.entries({ code, state: flow.state })
              .map(
                ([name, value]) =>
                  `${dashes}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
              )
              .join('');
            const others: Readonly<Record<string, string>> = {
              'application/json': JSON.stringify({ code, state: flow.state }),
              'multipart/form-data; boundary=----boundary': `${multipart}${dashes}--\r\n`,
              'text/plain': `code=${code}\r\nstate=${flow.state}\r\n`,
              // A cross-site form or script can send these without a preflight, but under another name.
              'text/plain;charset=UTF-8': response(flow),
              [`text/plain, ${form}`]: response(flow),
              [`${form}, text/plain`]: response(flow),
              [`${form}-encoded`]: response(flow),
              '': response(flow),
            };
            for (const [type, body] of Object.entries(others))
              await refuses(
                endpoint,
                waiting,
                submit('/callback', body, { 'Content-Type': type }),
                `type "${type}"`,
                [415],
              );
            const bare = { method: 'POST', target: '/callback', headers: navigation, body: response(flow) };
            await refuses(endpoint, waiting, bare, 'no type', [415]);
            const twice = [
              ['Content-Type', form],
              ['Content-Type', 'text/plain'],
            ] as const;
            await refuses(endpoint, waiting, { ...bare, headers: twice }, 'two types', [415, 400]);

            assert.is((await endpoint.send(submit('/callback', response(flow)))).status, 200);
            assert.is(seen.responses[0]?.code, code);
          },
          create,
        ),
      [
        twin(
          'reads any body as a form',
          replacing({ isForm }, () => () => true),
          /type "application\/json": is answered/,
        ),
      ],
    ),
  ),

  requirement(
    'D-03',
    {
      demand:
        'Reject a response in another mode than the flow asked for, and parameters split over query and body.',
      source: 'OAuth 2.0 Form Post Response Mode; oauth4webapi',
    },
    check(
      server,
      'refuses a response in another mode than the flow asked for',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const { server, send } = endpoint;
            const byQuery = await signIn(server);
            // No flow has asked for a form_post yet.
            await refuses(
              endpoint,
              byQuery,
              submit('/callback', response(byQuery.flow)),
              'a form before any form_post',
              [405],
            );
            const byForm = await signIn(server, { responseMode: 'form_post' });
            await refuses(
              endpoint,
              byQuery,
              submit('/callback', response(byQuery.flow)),
              'a form to a query flow',
            );
            await refuses(
              endpoint,
              byForm,
              target(byForm.flow, response(byForm.flow)),
              'a query to a form_post flow',
            );
            await refuses(
              endpoint,
              byForm,
              target(byForm.flow, `error=access_denied&state=${byForm.flow.state}`),
              'an error by query to a form_post flow',
            );

            await delivers(endpoint, byQuery);
            assert.is((await send(submit('/callback', response(byForm.flow)))).status, 200);
            assert.is(byForm.seen.responses.length, 1);
          },
          create,
        ),
      [
        twin(
          'takes a response in either mode',
          replacing(
            { mismatch },
            (real) => (expected, arrival, iss) =>
              real(expected, { ...arrival, mode: expected.responseMode }, iss),
          ),
          /a form to a query flow: is answered 200/,
        ),
      ],
    ),
    check(
      server,
      'refuses parameters split over query and body',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const { server, send } = endpoint;
            const waiting = await signIn(server, { responseMode: 'form_post' });
            const { flow } = waiting;
            const whole = response(flow);
            const state = `state=${flow.state}`;
            const splits: readonly (readonly [query: string, body: string])[] = [
              [state, 'code=the-code'],
              ['code=the-code', state],
              [whole, whole],
              [whole, ''],
              [whole, 'x=1'],
              [state, whole],
              ['code=', whole],
              ['iss=https%3A%2F%2Fas.example', whole],
              ['error=access_denied', whole],
              ['%63ode=the-code', whole],
              ['x=1&id_token=t', whole],
            ];
            for (const [query, body] of splits)
              await refuses(
                endpoint,
                waiting,
                submit(`/callback?${query}`, body),
                `query "${query}", body "${body}"`,
              );
            // A query beside a body splits nothing if it has no parameter of a response.
            assert.is((await send(submit('/callback?utm=1', whole))).status, 200);
            assert.is(waiting.seen.responses[0]?.code, 'the-code');
          },
          create,
        ),
      [
        twin(
          'reads query and body as one',
          [
            edit(`if (body !== undefined && hasDecidingParameter(query)) return`, 'if (false) return'),
            edit(
              `posted ? (request.body ?? '') : query`,
              'posted ? `${query}&${request.body ?? ""}` : query',
            ),
          ],
          /query "state=.*", body "code=the-code": is answered 200/,
        ),
      ],
    ),
  ),

  requirement(
    'D-04',
    {
      demand: 'Answer other methods with 405 and Allow, and other paths with 404; neither is a redirect.',
      source: 'RFC 9110 sections 10.2.1 and 15.5.6',
    },
    check(
      server,
      'answers other methods 405 with Allow or not at all, unknown paths 404, and emits neither',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const { server, redirects, send } = endpoint;
            const waiting = await signIn(server);
            const real = target(waiting.flow, response(waiting.flow));
            const methods = [
              'PUT',
              'DELETE',
              'PATCH',
              'OPTIONS',
              'TRACE',
              'PROPFIND',
              'QUERY',
              'SEARCH',
              'POST',
            ];
            const notAllowed = async (allow: string): Promise<void> => {
              for (const method of methods) {
                if (allow.includes(method)) continue;
                const { status, headers } = await send({ method, target: real, headers: navigation });
                // A method this version of Node does not know is no HTTP to it.
                if (status === 400 && headers['connection'] === 'close' && method === 'QUERY') continue;
                assert.is(status, 405, `${method} is answered ${status}`);
                assert.is(headers['allow'], allow, `${method}: Allow`);
              }
            };
            await notAllowed('GET');
            for (const method of ['FOO', 'get', 'G E T', 'CONNECT', 'PRI']) {
              const { status, headers } = await send({ method, target: real, headers: navigation });
              const refused = status === 0 || (status >= 400 && headers['connection'] === 'close');
              assert.ok(refused, `${method} is answered ${status}`);
            }
            for (const path of [
              '/',
              '/callback/',
              '/callback/x',
              '/Callback',
              '/callbac',
              '/callback2',
              '/%63allback',
              '/callback;x',
              '/callback%3Fx',
              '/./callback',
              '//callback',
              '/a/../callback',
            ])
              for (const method of ['GET', 'POST', 'PUT', 'OPTIONS']) {
                const { status } = await send({
                  method,
                  target: `${path}?${response(waiting.flow)}`,
                  headers: navigation,
                });
                assert.is(status, 404, `${method} ${path} is answered ${status}`);
              }
            assert.equal(redirects, []);

            await server.begin({ responseMode: 'form_post' });
            await notAllowed('GET, POST');
            assert.equal(redirects, []);
            assert.is(waiting.seen.responses.length, 0);
            await delivers(endpoint, waiting);
          },
          create,
        ),
      [
        twin(
          'does not say which methods it allows',
          edit(`pages.neutral(405, language, 'Allow', checked.allow)`, `pages.neutral(405, language)`),
          /PUT: Allow/,
        ),
      ],
    ),
  ),

  requirement(
    'D-05',
    {
      demand: 'Let no other site read an answer, and let no preflight succeed.',
      source: 'RFC 9700 section 2.6, by analogy; CVE-2025-24010',
    },
    check(
      server,
      'lets no script of another site read an answer, nor pass a preflight',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const { server, send, visit } = endpoint;
            const waiting = await signIn(server);
            await server.begin({ responseMode: 'form_post' });
            const real = target(waiting.flow, response(waiting.flow));
            for (const origin of ['https://evil.example', 'null', `http://127.0.0.1:${endpoint.port}`]) {
              for (const path of [real, '/callback', '/', '*']) {
                const answer = await send({
                  method: 'OPTIONS',
                  target: path,
                  headers: {
                    Origin: origin,
                    'Access-Control-Request-Method': 'GET',
                    'Access-Control-Request-Headers': 'rx-oauth-callback-probe',
                    'Access-Control-Request-Private-Network': 'true',
                    'Access-Control-Request-Local-Network': 'true',
                  },
                });
                assert.ok(answer.status >= 400, `a preflight of ${path} is answered ${answer.status}`);
                refusesCors(answer, `a preflight of ${path}`);
              }
              const cors = {
                Origin: origin,
                'Sec-Fetch-Mode': 'cors',
                'Sec-Fetch-Dest': 'empty',
                'Sec-Fetch-Site': 'cross-site',
              };
              const read = await send({ target: real, headers: cors });
              refusesCors(read, 'a fetch of the response');
              // `rx-oauth-callback-probe` would need the preflight that fails; its answer is unreadable all the same.
              refusesCors(
                await send({ target: '/', headers: { ...cors, 'rx-oauth-callback-probe': 'x' } }),
                'a probe',
              );
              refusesCors(await send(submit('/callback', 'code=x', { Origin: origin })), 'a form');
            }
            assert.is(waiting.seen.responses.length, 0);
            const page = await visit(real);
            assert.is(page.status, 200);
            refusesCors(page, 'the page');
            assert.is(waiting.seen.responses.length, 1);
            refusesCors(await visit(real), 'a reload');
            refusesCors(await visit('/favicon.ico'), 'the favicon');
          },
          create,
        ),
      [
        twin(
          'lets every site read its answers',
          replacing({ pageHeaders }, (real) => (html) => [...real(html), 'Access-Control-Allow-Origin', '*']),
          /allows access-control-allow-origin/,
        ),
      ],
    ),
  ),
);
