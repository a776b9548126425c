import { firstValueFrom } from 'rxjs';
import { AuthorizationError, ofState, orThrow } from '../../src/index.ts';
import {
  hasDecidingParameter,
  hasResponseParameter,
  readResponse,
  retains,
} from '../../src/callback/parameters.ts';
import { plainText } from '../../src/base/printable.ts';
import * as assert from '../helpers/assert.ts';
import { withServer } from '../helpers/endpoint.ts';
import { compose, navigation, sendBytes } from '../helpers/http.ts';
import { texts } from '../helpers/texts.ts';
import {
  accepted,
  carried,
  delivers,
  post,
  refuses,
  response,
  said,
  signIn,
  target,
  told,
} from './sign-in.ts';
import { edit, replacing } from '../helpers/weakened.ts';
import { check, requirement, requirementsOn, server, twin } from './requirement.ts';

const deciding = ['code', 'state', 'iss', 'error', 'response', 'id_token', 'access_token'];

const informing = ['error_description', 'error_uri'];

/** RFC 6749 section 4.1.2.1; OpenID Connect Core section 3.1.2.6; extensions; and one of a vendor. */
const errorCodes = [
  'invalid_request',
  'unauthorized_client',
  'access_denied',
  'unsupported_response_type',
  'invalid_scope',
  'server_error',
  'temporarily_unavailable',
  'interaction_required',
  'login_required',
  'account_selection_required',
  'consent_required',
  'invalid_request_uri',
  'invalid_request_object',
  'request_not_supported',
  'request_uri_not_supported',
  'registration_not_supported',
  'invalid_target',
  'unmet_authentication_requirements',
  'x_vendor',
];

const control = /[\x00-\x1f\x7f-\x9f]/;

/** Form-encoded: control characters, what only looks like ASCII, and bytes that are not UTF-8. */
const bad = [
  '%00',
  '%0d%0a',
  '%09',
  '%1b',
  '%7f',
  '%80',
  '%FF',
  '%FE',
  '%C0%80',
  '%ED%A0%80',
  '%C3%A9',
  '%EF%BC%B3',
  '%EF%BF%BD',
  '%',
  '%4',
  '%zz',
];

/** Gives the other parameters of a good response, so that only the repeated one is wrong. */
function beside(name: string, state: string): string {
  const others = { code: 'good', state };
  return Object.entries(others)
    .filter(([other]) => other !== name)
    .map(([other, value]) => `${other}=${value}`)
    .join('&');
}

export const requirements = requirementsOn(
  'Parsing the authorization response',
  requirement(
    'A-01',
    {
      demand:
        'Reject a response in which any of its parameters occurs more than once, in the query, in the form or in both together.',
      source: 'RFC 6749 section 3.1; OAuth 2.1 section 3.1',
      note: 'error_description and error_uri only inform: the first one counts, others are dropped',
    },
    check(
      server,
      'refuses a query in which a parameter comes twice that decides about a response',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const waiting = await signIn(endpoint.server);
            const { state } = waiting.flow;
            for (const name of deciding) {
              const value = name === 'state' ? state : 'good';
              const escaped = `%${name.charCodeAt(0).toString(16)}${name.slice(1)}`;
              const twice = {
                'two values': `${name}=${value}&${name}=bad`,
                'two values the other way round': `${name}=bad&${name}=${value}`,
                'the same value': `${name}=${value}&${name}=${value}`,
                'empty at last': `${name}=${value}&${name}=`,
                'empty at first': `${name}=&${name}=${value}`,
                'both empty': `${name}=&${name}`,
                'a name in escapes': `${name}=${value}&${escaped}=${value}`,
                'three times': `${name}=${value}&${name}=${value}&${name}=${value}`,
              };
              for (const [how, pairs] of Object.entries(twice)) {
                const encoded = `${pairs}&${beside(name, state)}`;
                await refuses(endpoint, waiting, target(waiting.flow, encoded), `${name}, ${how}`);
                assert.is(endpoint.redirects.at(-1)!.reason, 'repeated_parameter', `${name}, ${how}`);
              }
            }
            await delivers(endpoint, waiting);
          },
          create,
        ),
      [
        twin(
          'takes the last of several values',
          edit(`if (given[name] !== undefined) reason = 'repeated_parameter';\n    else if`, 'if'),
          /code, two values: is answered 200/,
        ),
      ],
    ),
    check(
      server,
      'refuses a form in which a parameter comes twice, or once more in the query',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const waiting = await signIn(endpoint.server, { responseMode: 'form_post' });
            const { state } = waiting.flow;
            for (const name of deciding) {
              const value = name === 'state' ? state : 'good';
              const pair = `${name}=${value}`;
              const rest = beside(name, state);
              const path = target(waiting.flow, '').slice(0, -1);
              const twice = `${pair}&${pair}&${rest}`;
              await refuses(endpoint, waiting, post(path, twice), `${name} twice in the body`);
              // If the query is ignored, these look like a good response.
              for (const inQuery of [pair, `${name}=`, name]) {
                const whole = ['code', 'state'].includes(name) ? `${pair}&${rest}` : rest;
                const split = post(`${path}?${inQuery}`, whole);
                await refuses(endpoint, waiting, split, `${inQuery} in the query of a form`);
              }
            }
            const answer = await endpoint.send(
              post(target(waiting.flow, '').slice(0, -1), response(waiting.flow)),
            );
            assert.is(answer.status, 200);
            assert.equal(
              waiting.seen.responses.map(({ code }) => code),
              ['the-code'],
            );
          },
          create,
        ),
      [
        twin(
          'lets the body win over the query',
          replacing({ hasDecidingParameter }, () => () => false),
          /code=good in the query of a form: is answered 200/,
        ),
      ],
    ),
    check(
      server,
      'accepts a response in which a parameter comes twice that only informs, and drops the second',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            for (const name of informing)
              for (const posted of [false, true]) {
                const pairs = `${name}=first&${name}=second&${name}=%FF`;
                const options = posted ? { responseMode: 'form_post' as const } : {};
                for (const kind of ['error=access_denied', 'code=the-code']) {
                  const { flow, seen } = await signIn(endpoint.server, options);
                  const encoded = `${kind}&${pairs}&state=${flow.state}`;
                  const path = target(flow, `${name}=third`);
                  await endpoint.send(posted ? post(path, encoded) : { target: target(flow, encoded) });
                  const what = `${kind}, ${name} twice${posted ? ' in a form' : ''}`;
                  assert.equal(
                    seen.responses.map((each) => each.toDict()),
                    [
                      kind.startsWith('code')
                        ? { code: 'the-code', state: flow.state }
                        : { error: 'access_denied', state: flow.state, [name]: 'first' },
                    ],
                    what,
                  );
                }
              }
          },
          create,
        ),
      [
        twin(
          'rejects a second description',
          edit(
            `given[name] ??= decodeWithReplacement(text);`,
            `if (given[name] !== undefined) reason = 'repeated_parameter';
      given[name] ??= decodeWithReplacement(text);`,
          ),
          /error=access_denied, error_description twice/,
        ),
        twin(
          'hands over the second description',
          edit(`given[name] ??= decodeWithReplacement(text);`, `given[name] = decodeWithReplacement(text);`),
          /error=access_denied, error_description twice/,
        ),
        twin(
          'rejects a form whose query has a description',
          replacing({ hasDecidingParameter }, () => hasResponseParameter),
          /error=access_denied, error_description twice in a form/,
        ),
      ],
    ),
  ),

  requirement(
    'A-02',
    {
      demand: 'Treat a parameter with an empty value as absent.',
      source: 'RFC 6749 section 3.1; OAuth 2.1 section 3.1',
    },
    check(
      server,
      'takes a parameter with an empty value for absent',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const waiting = await signIn(endpoint.server);
            const { flow } = waiting;
            for (const [encoded, reason] of [
              [`code=&state=${flow.state}`, 'missing_code'],
              [`code&state=${flow.state}`, 'missing_code'],
              [`code=&error=&state=${flow.state}`, 'missing_code'],
              ['code=a&state=', 'missing_state'],
              ['code=a&state', 'missing_state'],
              ['error=access_denied&state=', 'missing_state'],
            ] as const) {
              await refuses(endpoint, waiting, target(flow, encoded), encoded);
              assert.is(endpoint.redirects.at(-1)!.reason, reason, encoded);
            }
            const rest = 'error=&error_description=&error_uri=&iss=&response=&id_token=&access_token=';
            const delivered = await delivers(endpoint, waiting, `${response(flow)}&${rest}`);
            assert.equal(Object.keys(delivered.toDict()).sort(), ['code', 'state']);
          },
          create,
        ),
      [
        twin(
          'takes an empty state for one',
          edit(
            `if (!state) reason ??= 'missing_state'`,
            `if (state === undefined) reason ??= 'missing_state'`,
          ),
          /^Assertion: code=a&state=\n/,
        ),
      ],
    ),
  ),

  requirement(
    'A-03',
    {
      demand: 'Ignore unknown parameters, and let no parameter name reach the prototype of an object.',
      source: 'RFC 6749 section 4.1.2; CWE-1321',
    },
    check(
      server,
      'ignores parameters it does not know, whatever their names',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const waiting = await signIn(endpoint.server);
            const { flow, seen } = waiting;
            const strangers = [
              'session_state=x&scope=y&session_state=z',
              '__proto__[x]=1&constructor=1&__proto__=2&prototype=3&constructor[prototype][x]=1&__proto__.x=1',
              'toString=a&hasOwnProperty=b&valueOf=c&then=d',
              'CODE=b&State=c&code[]=d&code%00=e&%20code=f&%FF=g&=h&&&',
            ].join('&');
            await delivers(endpoint, waiting, `${strangers}&${response(flow)}&${strangers}`);
            const [delivered] = seen.responses;
            assert.is(({} as Record<string, unknown>)['x'], undefined);
            assert.is(Object.getPrototypeOf(delivered!.toDict()), Object.prototype);
            assert.equal(Object.keys(delivered!.toDict()).sort(), ['code', 'state']);
            assert.match(String(delivered), /^CallbackResponse /);
          },
          create,
        ),
      [
        twin(
          'refuses parameters it does not know',
          edit(
            `if (pair !== '') (others ??= new OtherParameters(limits)).add(encodedName, text);`,
            `reason = 'invalid_character';`,
          ),
          /the real redirect is answered 400/,
        ),
      ],
    ),
  ),

  requirement(
    'A-04',
    {
      demand:
        'Deliver a code byte for byte, and reject one over the configured length instead of truncating it.',
      source: 'RFC 6749 section 4.1.2 and appendix A.11; OAuth 2.1 section 4.1.2',
    },
    check(server, 'hands over a code byte for byte, whatever its length', (create) =>
      withServer(
        {},
        async (endpoint) => {
          const every = String.fromCharCode(
            ...Array.from({ length: 0x7f - 0x20 }, (_, index) => 0x20 + index),
          );
          for (const [wire, code] of [
            ['a', 'a'],
            ['%2B%2F%3D~-._', '+/=~-._'],
            [encodeURIComponent(every), every],
            ['%2500%25%20+', '%00%  '],
            ['x'.repeat(512), 'x'.repeat(512)],
            ['y'.repeat(4096), 'y'.repeat(4096)],
            ['z'.repeat(8192), 'z'.repeat(8192)],
          ] as const) {
            const waiting = await signIn(endpoint.server);
            const delivered = await delivers(endpoint, waiting, `code=${wire}&state=${waiting.flow.state}`);
            assert.is(delivered.code, code);
          }
        },
        create,
      ),
    ),
    check(
      server,
      'refuses a code over the cap, and never cuts it',
      async (create) => {
        await withServer(
          { limits: { parameter: 100 } },
          async (endpoint) => {
            const waiting = await signIn(endpoint.server);
            const { flow } = waiting;
            const tooLong = target(flow, response(flow, 'x'.repeat(101)));
            await refuses(endpoint, waiting, tooLong, 'one more than the cap');
            assert.is(endpoint.redirects.at(-1)!.reason, 'too_long');
            await delivers(endpoint, waiting, response(flow, 'x'.repeat(100)));
          },
          create,
        );
        await withServer(
          {},
          async (endpoint) => {
            const waiting = await signIn(endpoint.server);
            const { flow } = waiting;
            const byDefault = target(flow, response(flow, 'x'.repeat(8193)));
            await refuses(endpoint, waiting, byDefault, 'one more than the default cap');
            const far = target(flow, response(flow, 'x'.repeat(20_000)));
            await refuses(endpoint, waiting, far, '20,000 characters', [400, 414, 431]);
            await delivers(endpoint, waiting);
          },
          create,
        );
      },
      [
        twin(
          'takes a code of any length',
          replacing(
            { readResponse },
            (real) => (encoded) => real(encoded, { parameter: Infinity, parameters: 50 }),
          ),
          /one more than the cap: is answered 200/,
        ),
      ],
    ),
  ),

  requirement(
    'A-05',
    {
      demand: 'Decode a form exactly once, as UTF-8.',
      source: 'RFC 6749 appendix B; RFC 9207 section 2.4; OAuth 2.1 appendix B',
    },
    check(
      server,
      'decodes a form exactly once',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const state = 'a%2Bb c+d&e=f#0123456789';
            const waiting = await signIn(endpoint.server, { state });
            const { flow } = waiting;
            for (const wire of [
              'a%2Bb+c%2Bd%26e%3Df%230123456789',
              'a%252Bb%2Bc%2Bd%26e%3Df%230123456789',
              'a%252Bb+c+d%26e%3Df%230123456789',
              encodeURIComponent(encodeURIComponent(state)),
            ]) {
              await refuses(endpoint, waiting, target(flow, `code=a&state=${wire}`), wire);
            }
            const delivered = await delivers(
              endpoint,
              waiting,
              'code=%2525&state=a%252Bb+c%2Bd%26e%3Df%230123456789',
            );
            assert.is(delivered.code, '%25');
          },
          create,
        ),
      [
        twin(
          'decodes twice',
          edit(
            `return decodeURIComponent(text.replaceAll('+', ' '))`,
            `return decodeURIComponent(decodeURIComponent(text.replaceAll('+', ' ')))`,
          ),
          /a%25252B.*: is answered 200/,
        ),
      ],
    ),
  ),

  requirement(
    'A-06',
    {
      demand: 'Accept only visible ASCII in a state and a code; bytes that are not UTF-8 match nothing.',
      source: 'RFC 6749 appendices A.5 and A.11',
    },
    check(
      server,
      'refuses a state or a code with anything but visible ASCII',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const waiting = await signIn(endpoint.server);
            const { flow } = waiting;
            const { state } = flow;
            for (const damage of bad) {
              for (const spoilt of [damage, state + damage, damage + state]) {
                await refuses(endpoint, waiting, target(flow, `code=a&state=${spoilt}`), `state=${spoilt}`);
              }
              for (const spoilt of [damage, `a${damage}`]) {
                await refuses(
                  endpoint,
                  waiting,
                  target(flow, `code=${spoilt}&state=${state}`),
                  `code=${spoilt}`,
                );
              }
            }
            await delivers(endpoint, waiting);
          },
          create,
        ),
      [
        twin(
          'takes any character in a state and a code',
          edit(`const visible = /^[\\x20-\\x7e]*$/;`, 'const visible = /^[^]*$/;', 'callback/parameters.ts'),
          /code=%00: is answered 200/,
        ),
      ],
    ),
    check(server, 'refuses bytes that are not ASCII when they come without escapes', (create) =>
      withServer(
        {},
        async (endpoint) => {
          const waiting = await signIn(endpoint.server);
          const { flow, seen } = waiting;
          for (const bytes of ['\xff', '\xfe', '\xef\xbc\xb3', '\xef\xbf\xbd']) {
            for (const query of [
              `code=a&state=${flow.state}${bytes}`,
              `code=a&state=${bytes}`,
              `code=${bytes}&state=${flow.state}`,
            ]) {
              const request = compose(endpoint.port, { target: target(flow, query), headers: navigation });
              const { status } = await sendBytes(endpoint.port, Buffer.from(request, 'latin1'));
              assert.is(status, 400);
              assert.equal(seen.responses, []);
            }
          }
          await delivers(endpoint, waiting);
        },
        create,
      ),
    ),
    check(
      server,
      'lets states that are not UTF-8 collide neither with each other nor with one that is waited for',
      async (create) => {
        const replaced = '\ufffd'.repeat(22);
        const given: string[] = [];
        await withServer(
          {},
          async (endpoint) => {
            const { server } = endpoint;
            await assert.rejects(server.begin({ state: replaced }), TypeError);
            // A subscriber waits for the text that a lenient decoder makes of them.
            server.redirects.pipe(ofState(replaced)).subscribe(({ code }) => given.push(String(code)));
            const waiting = await signIn(server);
            const { flow } = waiting;
            for (const bytes of ['%FF', '%FE', '%C0%80', '%ED%A0%80', '%EF%BF%BD', '%']) {
              await refuses(endpoint, waiting, target(flow, `code=a&state=${bytes.repeat(22)}`), bytes);
            }
            await delivers(endpoint, waiting);
            assert.equal(given, []);
          },
          create,
        );
        await withServer(
          { unmatched: 'accept' },
          async (endpoint) => {
            for (const bytes of ['%FF', '%FE', '%00S', 'S%0d%0a', '%EF%BC%B3', '%EF%BF%BD']) {
              const { status } = await endpoint.visit(`/callback?code=a&state=${bytes}`);
              assert.is(status, 400, bytes);
            }
            assert.equal(accepted(endpoint), []);
            assert.equal(
              new Set(endpoint.redirects.map(({ response }) => response.state)),
              new Set([undefined]),
            );
            assert.is((await endpoint.visit('/callback?code=a&state=S')).status, 200);
            assert.equal(
              accepted(endpoint).map(({ state }) => state),
              ['S'],
            );
          },
          create,
        );
      },
      [
        twin(
          'replaces bytes that are not UTF-8',
          [
            edit(
              `return decodeURIComponent(text.replaceAll('+', ' '));\n  } catch {\n    return undefined;`,
              `return decodeURIComponent(text.replaceAll('+', ' '));\n  } catch {\n    return new URLSearchParams('x=' + text).get('x') ?? '';`,
            ),
            edit(
              `const visible = /^[\\x20-\\x7e]*$/;`,
              'const visible = /^[^]*$/;',
              'callback/parameters.ts',
            ),
          ],
          /%FF: is answered 200/,
        ),
      ],
    ),
  ),

  requirement(
    'A-07',
    {
      demand:
        "Limit a provider's error texts to harmless characters before they reach a log, a terminal, an event or a page.",
      source: 'RFC 6749 section 4.1.2.1 and appendices A.7 to A.9',
    },
    check(
      server,
      "constrains a provider's texts before they reach anybody",
      async (create) => {
        const spoilt = '%1b]0;pwn%07%1b[31mX%0d%0aFAKE LOG%C2%9B%7F%00%E2%80%AE"\\'.replaceAll(' ', '+');
        for (const name of ['error', 'error_description'] as const) {
          await withServer(
            {},
            async (endpoint) => {
              const { flow, seen } = await signIn(endpoint.server);
              const query = `${name === 'error' ? '' : 'error=e&'}${name}=${spoilt}&state=${flow.state}`;
              const answer = await endpoint.visit(target(flow, query));
              assert.is(answer.status, 400);
              const value = seen.responses[0]![name]!;
              assert.match(value, /FAKE LOG/);
              assert.match(value, name === 'error' ? /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/ : /^[\x20-\x7e]+$/);
              for (const line of endpoint.log) assert.not.match(line, control);
              for (const event of endpoint.events) {
                assert.not.match(Object.values(event).map(String).join(' '), control);
              }
              const head = answer.raw.slice(0, answer.raw.indexOf('\r\n\r\n'));
              for (const line of [...head.split('\r\n'), ...answer.body.split('\n')]) {
                assert.not.match(line, control);
                assert.not.ok(line.startsWith('FAKE'));
              }
            },
            create,
          );
        }
      },
      [
        twin(
          'hands over the description as it is',
          replacing({ plainText }, () => (text) => text),
          /match `.*x20-.*x7e\]\+\$\/` pattern/,
        ),
        twin(
          'hands over the error as it is',
          edit(`detach(error.replace(outsideErrorText, '?'))`, 'error'),
          /match `.*x5d-.*x7e\]\+\$\/` pattern/,
        ),
      ],
    ),
    check(
      server,
      'delivers a denial and a code, whatever their description and error_uri are',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            for (const [spoilt, description] of [
              ['operaci%u00f3n+cancelada', 'operaci%u00f3n cancelada'],
              ['Acc%E8s+refus%E9', 'Acc\ufffds refus\ufffd'],
              ['100%+sure', '100% sure'],
              ['%', '%'],
              ['%C3', '\ufffd'],
              ['%ED%A0%80', '\ufffd\ufffd\ufffd'],
              ['%00', undefined],
              ['x'.repeat(8_193), 'x'.repeat(8_192)],
              [`${'x'.repeat(8_191)}%F0%9F%9A%AB`, 'x'.repeat(8_191)],
              [encodeURIComponent('отказ  拒否\t\u202eرفض'), 'отказ 拒否 رفض'],
            ] as const)
              for (const posted of [false, true]) {
                const what = `${spoilt.slice(0, 24)}${posted ? ', by form' : ''}`;
                const bring = async (encoded: string): Promise<readonly [number, object | undefined]> => {
                  const options = posted ? { responseMode: 'form_post' as const } : {};
                  const { flow, seen } = await signIn(endpoint.server, options);
                  const whole = `${encoded}&state=${flow.state}`;
                  const path = target(flow, '').slice(0, -1);
                  const { status } = await endpoint.send(
                    posted ? post(path, whole) : { target: target(flow, whole) },
                  );
                  const { state, ...others } = seen.responses[0]?.toDict() ?? {};
                  assert.is(state, seen.completed ? flow.state : undefined, what);
                  return [status, seen.completed ? others : undefined];
                };
                assert.equal(
                  await bring(`error_description=${spoilt}&error=access_denied`),
                  [
                    400,
                    {
                      error: 'access_denied',
                      ...(description !== undefined && { error_description: description }),
                    },
                  ],
                  `a denial with ${what}`,
                );
                assert.equal(
                  await bring(`error=access_denied&error_uri=https://as.example/%20${spoilt}`),
                  [400, { error: 'access_denied' }],
                  `a denial with an error_uri of ${what}`,
                );
                for (const name of informing)
                  assert.equal(
                    await bring(`${name}=${spoilt}&code=the-code`),
                    [200, { code: 'the-code' }],
                    `a code with ${what}`,
                  );
              }
          },
          create,
        ),
      [
        twin(
          'rejects a description that is not UTF-8',
          edit(
            `given[name] ??= decodeWithReplacement(text);`,
            `if (decode(text) === undefined) reason ??= 'invalid_encoding';
      given[name] ??= decodeWithReplacement(text);`,
          ),
          /a denial with operaci%u00f3n/,
        ),
        twin(
          'rejects a description that is too long',
          edit(
            `given[name] ??= decodeWithReplacement(text);`,
            `if (text.length > longest) reason ??= 'too_long';
      given[name] ??= decodeWithReplacement(text);`,
          ),
          /a denial with xxx/,
        ),
        twin(
          'hands over a half of a character',
          edit(`text.slice(0, longest).replace(/[\\ud800-\\udbff]$/, '')`, `text.slice(0, longest)`),
          /a denial with xxx/,
        ),
        twin(
          'knows ASCII only',
          replacing({ plainText }, (real) => (text) => real(text).replace(/[^\x20-\x7e]+/g, '?')),
          /a denial with Acc%E8s/,
        ),
      ],
    ),
    check(
      server,
      'drops an error_uri with anything but the characters of a URI',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            for (const [uri, kept] of [
              ['https://as.example/why?a=b%25#c', 'https://as.example/why?a=b%25#c'],
              ['https://as.example/a b', undefined],
              ['https://as.example/"><svg onload=alert(1)>', undefined],
              ['https://as.example/\r\nSet-Cookie: a=b', undefined],
              ['https://as.example/\u0080\u202e', undefined],
              ['\x1b]8;;https://evil.example\x07', undefined],
            ] as const) {
              const { flow, seen } = await signIn(endpoint.server);
              const query = `error=e&error_uri=${encodeURIComponent(uri)}&state=${flow.state}`;
              await endpoint.visit(target(flow, query));
              assert.is(seen.responses[0]!.error, 'e');
              assert.is(seen.responses[0]!.error_uri, kept);
            }
            for (const line of endpoint.log) assert.not.match(line, control);
          },
          create,
        ),
      [
        twin(
          'hands over any error_uri',
          edit(`error_uri.length <= longest && uri.test(error_uri)`, 'error_uri.length <= longest'),
          /--https:\/\/as\.example\/a b/,
        ),
      ],
    ),
  ),

  requirement(
    'A-08',
    {
      demand: 'Release no code of a response that carries both a code and an error.',
      source: 'RFC 6749 sections 4.1.2 and 4.1.2.1',
    },
    check(
      server,
      'releases no code of a response that is an error too',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const issuer = 'https://as.example';
            for (const order of ['code=CANARY&error=access_denied', 'error=access_denied&code=CANARY']) {
              const { flow, seen } = await signIn(endpoint.server, { issuer });
              const answer = await endpoint.visit(
                target(flow, `${order}&state=${flow.state}&iss=${encodeURIComponent(issuer)}`),
              );
              assert.is(answer.status, 400);
              assert.equal(
                seen.responses.map((each) => each.toDict()),
                [{ state: flow.state, error: 'access_denied', iss: issuer }],
              );
              const told = JSON.stringify(endpoint.redirects.map((each) => each.response.toDict()));
              assert.not.match(told + said(endpoint, answer), 'CANARY');
            }
          },
          create,
        ),
      [
        twin(
          'releases the code beside the error',
          edit(`if (code && !error) fields.code`, 'if (code) fields.code'),
          /--.*"code"/,
        ),
      ],
    ),
  ),

  requirement(
    'A-09',
    {
      demand: 'Reject a response with neither a code nor an error, and leave every flow pending.',
      source: 'RFC 6749 section 4.1.2',
    },
    check(
      server,
      'refuses what is neither a code nor an error, and leaves the flow waiting',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const waiting = await signIn(endpoint.server);
            const { flow } = waiting;
            const unknown = await endpoint.visit('/callback?code=a&state=nobody-waits-for-this-one');
            for (const url of [
              '/callback',
              '/callback?',
              target(flow, `state=${flow.state}`),
              target(flow, `state=${flow.state}&iss=https%3A%2F%2Fas.example`),
              target(flow, `state=${flow.state}&error_description=x&error_uri=y`),
            ]) {
              const answer = await refuses(endpoint, waiting, url, url);
              // The neutral page, but for the sentence that nothing has arrived.
              assert.is(
                answer.body.replace(texts.en.nothing, texts.en.inactiveHint),
                unknown.body,
                'is not answered with the neutral page',
              );
            }
            await delivers(endpoint, waiting);
          },
          create,
        ),
      [
        twin(
          'accepts a state alone',
          edit(`if (!code && !error) reason ??= 'missing_code';`, ''),
          /callback\?state=[\w-]+: is answered 200/,
        ),
      ],
    ),
  ),

  requirement(
    'A-10',
    {
      demand: 'Deliver every registered error code as data, and unknown codes unchanged.',
      source: 'RFC 6749 section 4.1.2.1; OpenID Connect Core section 3.1.2.6; RFC 8707',
    },
    check(
      server,
      'relays every error code as it is, with state and issuer',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const issuer = 'https://as.example';
            for (const error of errorCodes) {
              const { flow, seen } = await signIn(endpoint.server, { issuer });
              const query = `error=${error}&error_description=d&state=${flow.state}&iss=${encodeURIComponent(issuer)}`;
              const { status } = await endpoint.visit(target(flow, query));
              assert.ok(status < 500, `${error} is answered ${status}`);
              assert.equal(
                seen.responses.map((each) => each.toDict()),
                [{ state: flow.state, error, error_description: 'd', iss: issuer }],
                error,
              );
              assert.ok(seen.completed);
              const failure = await assert.rejects(
                firstValueFrom(flow.response.pipe(orThrow())),
                AuthorizationError,
              );
              assert.equal([failure.error, failure.state, failure.iss], [error, flow.state, issuer]);
            }
          },
          create,
        ),
      [
        twin(
          'knows the codes of RFC 6749 only',
          edit(
            `fields.error = detach(error.replace(outsideErrorText, '?'));`,
            `fields.error = /^(access_denied|invalid_request|invalid_scope|server_error|temporarily_unavailable|unauthorized_client|unsupported_response_type)$/.test(error) ? error : 'server_error';`,
          ),
          /interaction_required/,
        ),
      ],
    ),
  ),

  requirement(
    'A-11',
    {
      demand: 'Reject tokens in a query, show them nowhere, and serve no script that reads a fragment.',
      source: 'RFC 9700 section 2.1.2; OAuth 2.0 Multiple Response Types section 3',
      note: 'the page for a request without parameters says that browsers do not send a fragment; no script reads one',
    },
    check(
      server,
      'refuses tokens of the front channel, and repeats none of them',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const waiting = await signIn(endpoint.server);
            const { flow } = waiting;
            for (const [query, reason] of [
              [`access_token=SECRET&state=${flow.state}`, 'front_channel_token'],
              [`id_token=SECRET&state=${flow.state}`, 'front_channel_token'],
              [`access_token=SECRET&token_type=bearer&${response(flow)}`, 'front_channel_token'],
              [`${response(flow)}&id_token=SECRET`, 'front_channel_token'],
              [`error=SECRET&state=${flow.state}&id_token=SECRET`, 'front_channel_token'],
            ] as const) {
              const answer = await refuses(endpoint, waiting, target(flow, query), query);
              assert.is(endpoint.redirects.at(-1)!.reason, reason);
              assert.not.match(told(endpoint) + answer.raw, 'SECRET');
              if (!query.startsWith('error')) assert.not.match(said(endpoint) + carried(endpoint), 'SECRET');
            }
            await delivers(endpoint, waiting);
          },
          create,
        ),
      [
        twin(
          'ignores tokens of the front channel',
          edit(`if (given.access_token || given.id_token) reason ??= 'front_channel_token';`, ''),
          /\+\+ *front_channel_token/,
        ),
      ],
    ),
    check(server, 'serves no page that reads a fragment', (create) =>
      withServer(
        {},
        async (endpoint) => {
          const waiting = await signIn(endpoint.server);
          const refusing = await signIn(endpoint.server);
          const pages = [
            await endpoint.visit('/callback'),
            await endpoint.visit('/'),
            await endpoint.visit(target(refusing.flow, `error=e&state=${refusing.flow.state}`)),
            await endpoint.visit(target(waiting.flow, response(waiting.flow))),
          ];
          assert.equal(
            pages.map(({ status }) => status),
            [400, 404, 400, 200],
          );
          for (const { body } of pages) {
            assert.not.match(
              body,
              /location\s*\.\s*(?:hash|href)|document\s*\.\s*URL|fetch\(|XMLHttp|sendBeacon/,
            );
            assert.not.match(body, /location\s*[;,)]/);
          }
        },
        create,
      ),
    ),
  ),

  requirement(
    'A-12',
    {
      demand: 'Match the query of the registered redirect URI exactly.',
      source: 'RFC 6749 section 3.1.2; OAuth 2.1 section 2.3',
    },
    check(
      server,
      'matches the query of the registered redirect URI exactly',
      async (create) => {
        for (const [callbackPath, good, wrong] of [
          [
            '/cb?env=1',
            ['env=1&', 'x=2&env=1&'],
            [
              'env=2&',
              '',
              'env=1&env=2&',
              'env=2&env=1&',
              'env=1&env=1&',
              'env&',
              'Env=1&',
              'env=1%20&',
              'env=&',
            ],
          ],
          [
            '/cb?dummy1=lorem&dummy2=ipsum',
            ['dummy1=lorem&dummy2=ipsum&', 'dummy2=ipsum&dummy1=lorem&'],
            ['dummy1=lorem&', 'dummy2=ipsum&', 'dummy1=ipsum&dummy2=lorem&', 'dummy1=lorem&dummy2=Ipsum&'],
          ],
          ['/cb?to=/a?b', ['to=/a?b&', 'to=%2Fa%3Fb&'], ['to=/a&', 'to=/a?c&', '']],
          ['/cb?a=1&a=2', ['a=1&a=2&'], ['a=1&', 'a=2&', 'a=2&a=1&', 'a=1&a=2&a=2&']],
        ] as const) {
          await withServer(
            { callbackPath },
            async (endpoint) => {
              assert.ok(endpoint.server.redirectUri.endsWith(callbackPath), endpoint.server.redirectUri);
              for (const query of good) {
                const waiting = await signIn(endpoint.server);
                const { flow, seen } = waiting;
                assert.ok(flow.redirectUri.endsWith(callbackPath), flow.redirectUri);
                for (const other of wrong) {
                  const what = `${other} for ${callbackPath}`;
                  await refuses(endpoint, waiting, `/cb?${other}${response(flow)}`, what);
                }
                assert.is((await endpoint.visit(`/cb?${query}${response(flow)}`)).status, 200, query);
                assert.equal(
                  seen.responses.map(({ code }) => code),
                  ['the-code'],
                );
              }
            },
            create,
          );
        }
      },
      [
        twin(
          'ignores the query of its redirect URI',
          replacing({ retains }, () => () => true),
          /env=2& for \/cb\?env=1: is answered 200/,
        ),
      ],
    ),
  ),
);
