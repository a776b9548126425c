import { createHash, randomInt } from 'node:crypto';
import { inspect } from 'node:util';
import { VirtualTimeScheduler } from 'rxjs';
import { FlowExpiredError, InvalidOptionError, ofState } from '../../src/index.ts';
import { randomToken } from '../../src/base/random.ts';
import * as assert from '../helpers/assert.ts';
import { observe, withServer } from '../helpers/endpoint.ts';
import { compose, navigation, readAnswer, type HttpRequest } from '../helpers/http.ts';
import { dial } from '../helpers/raw.ts';
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

const tenMinutes = 600_000;

/** Virtual time that passes on demand, with whatever is due. */
function pass(time: VirtualTimeScheduler, ms: number): void {
  time.maxFrames = time.frame + ms;
  time.flush();
  time.frame = time.maxFrames;
}

/** A state that is strong enough, and another one for each number. */
const ownState = (number: number): string =>
  createHash('sha256').update(`state ${number}`).digest('base64url');

/** The same character class, another character. */
const flip = (character: string): string => (character === 'A' ? 'B' : 'A');

/** Lists a state's possible readings: itself, and decoded in the usual ways. */
const readings = (state: string): string[] => [
  state,
  Array.from(state).reverse().join(''),
  ...(['base64url', 'base64', 'hex'] as const).flatMap((encoding) => {
    const bytes = Buffer.from(state, encoding);
    return [bytes.toString('latin1'), bytes.toString('utf16le')];
  }),
];

function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'object';
  } catch {
    return false;
  }
}

export const requirements = requirementsOn(
  'States, and their single use',
  requirement(
    'B-01',
    {
      demand: 'Generate states of at least 128 random bits, and reject a weak state of the caller.',
      source: 'RFC 6749 sections 10.10 and 10.12; RFC 8252 section 8.9',
    },
    check(
      server,
      'makes states that differ and are random in every bit',
      (create) =>
        withServer(
          {},
          async ({ server }) => {
            const count = 100_000;
            const states = new Set<string>();
            const ones = new Float64Array(256);
            for (let left = count; left > 0; left--) {
              const { state } = await server.begin();
              states.add(state);
              if (!/^[\w-]{22,}$/.test(state)) assert.unreachable('a state is too short, or not base64url');
              const bytes = Buffer.from(state, 'base64url');
              for (let bit = 0; bit < Math.min(256, bytes.length * 8); bit++) {
                ones[bit]! += (bytes[bit >> 3]! >> (bit & 7)) & 1;
              }
            }
            assert.is(states.size, count);
            // The standard deviation of a fair coin thrown this often is 158: seven of them is no accident.
            const fair = [...ones].filter((number) => Math.abs(number - count / 2) < 7 * 158);
            assert.ok(fair.length >= 160, `only ${fair.length} bits are random`);
          },
          create,
        ),
      [
        twin(
          'makes states of 8 bytes',
          replacing({ randomToken }, (real) => () => real(8)),
          /a state is too short/,
        ),
      ],
      { deadline: 300_000 },
    ),
    check(
      server,
      'refuses a state of the caller that is weak',
      (create) =>
        withServer(
          { maxFlows: 1 },
          async (endpoint) => {
            const { server } = endpoint;
            for (const state of [
              '1234',
              '',
              'x'.repeat(43),
              'abc'.repeat(14),
              ownState(1).slice(0, 21),
              `${ownState(1)}é`,
              `${ownState(1)}\n`,
              `${ownState(1)}\0`,
              ownState(1).repeat(12),
            ]) {
              const error = await assert.rejects(server.begin({ state }), InvalidOptionError);
              assert.instance(error, TypeError);
              if (state.length > 3) assert.not.match(error.message, state);
            }
            // None of them has taken the only place.
            const waiting = await signIn(server, { state: ownState(1) });
            assert.is(waiting.flow.state, ownState(1));
            await delivers(endpoint, waiting);
          },
          create,
        ),
      [
        twin(
          'takes any state of the caller',
          edit('if (state !== undefined) requireStrong(state);', ''),
          /Expected promise to reject/,
        ),
      ],
    ),
    check(
      server,
      'takes every random state, also one of 22 decimal digits',
      (create) =>
        withServer(
          {},
          async ({ server }) => {
            for (let n = 0; n < 2_000; n++) {
              const state = Array.from({ length: 22 }, () => randomInt(10)).join('');
              await server
                .begin({ state })
                .catch(() => assert.unreachable(`a random state was rejected: ${state}`));
            }
          },
          create,
        ),
      [
        twin(
          // 3.9 % of such states have fewer.
          'wants 8 different characters',
          edit('if (different.length === 4) return;', 'if (different.length === 8) return;'),
          /a random state was rejected/,
        ),
      ],
      { also: ['W12'] },
    ),
  ),

  requirement(
    'B-02',
    {
      demand: 'Reject a response whose state matches no pending flow, and change no flow.',
      source: 'RFC 8252 section 8.9; MCP authorization, security considerations',
    },
    check(
      server,
      'refuses a thousand states that nobody waits for, and then delivers the real one',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const waiting = await signIn(endpoint.server);
            const other = await signIn(endpoint.server);
            for (let round = 0; round < 1000; round += 50) {
              const strangers = Array.from({ length: 50 }, (_, index) => ownState(round + index));
              await Promise.all(
                strangers.map((state) =>
                  refuses(endpoint, waiting, target(waiting.flow, `code=CANARY&state=${state}`), state),
                ),
              );
            }
            assert.is(endpoint.redirects.length, 1000);
            assert.not.match(carried(endpoint) + said(endpoint), 'CANARY');
            await delivers(endpoint, waiting);
            await delivers(endpoint, other);
          },
          create,
        ),
      [
        twin(
          'ends a flow for a redirect that nobody waits for',
          edit(
            `if (!flow?.pending) return { disposition: this.#ended.get(state) ?? 'unmatched' };`,
            `if (!flow?.pending) {\n      this.#deadlines.values()[0]?.cancel();\n      return { disposition: this.#ended.get(state) ?? 'unmatched' };\n    }`,
          ),
          /: reaches the flow/,
        ),
      ],
      { deadline: 300_000 },
    ),
    check(
      server,
      'matches no state that only resembles a pending one',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const state = 'aB3-._~ 0123456789/xyz+';
            const waiting = await signIn(endpoint.server, { state });
            for (const near of [
              state.slice(1),
              state.slice(0, -1),
              `${state} `,
              ` ${state}`,
              state + state,
              state.toLowerCase(),
              state.toUpperCase(),
              state.replace(' ', '+'),
              state.replace('+', ' '),
              state.replace(' ', '%20'),
              encodeURIComponent(state),
              `"${state}"`,
              '*',
              '.*',
              '%',
              '__proto__',
              'constructor',
              'undefined',
              'null',
            ]) {
              const query = `code=a&state=${encodeURIComponent(near)}`;
              await refuses(endpoint, waiting, target(waiting.flow, query), near);
            }
            await delivers(endpoint, waiting);
          },
          create,
        ),
      [
        twin(
          'compares states without their case',
          edit(
            `    const { state = '' } = fields;\n    const flow = this.#live.get(state);`,
            `    const { state = '' } = fields;\n    const flow = this.#deadlines.values().find((each) => each.state.toLowerCase() === state.toLowerCase());`,
          ),
          /ab3-.*: is answered 200/,
        ),
      ],
    ),
  ),

  requirement(
    'B-03',
    {
      demand: 'Reject a response without a state, and leave the flow pending.',
      source: 'RFC 6749 sections 4.1.2 and 4.1.2.1',
    },
    check(
      server,
      'refuses a response without state, and leaves the flow waiting',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const waiting = await signIn(endpoint.server);
            for (const query of [
              'code=a',
              'error=access_denied',
              'code=a&iss=https%3A%2F%2Fas.example',
              'error=access_denied&state=',
              'error=access_denied&error_description=x&error_uri=https%3A%2F%2Fas.example',
              `code=a&State=${waiting.flow.state}`,
              `code=a&state%20=${waiting.flow.state}`,
            ]) {
              await refuses(endpoint, waiting, target(waiting.flow, query), query);
              assert.is(endpoint.redirects.at(-1)!.reason, 'missing_state', query);
            }
            await delivers(endpoint, waiting);
          },
          create,
        ),
      [
        twin(
          'gives an error without state to the only flow there is',
          edit(
            `fields.error !== undefined && errorWithoutState === 'end-only-flow';`,
            'fields.error !== undefined;',
          ),
          /error=access_denied: is accepted/,
        ),
      ],
    ),
  ),

  requirement(
    'B-04',
    {
      demand: 'Use up a state with the first response that is accepted, success or error.',
      source: 'RFC 9700 section 4.2.4; MCP security best practices',
    },
    check(
      server,
      'uses a state up with the first response it accepts',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const unknown = await endpoint.visit(`/callback?code=a&state=${ownState(0)}`);
            for (const first of ['code=one', 'error=access_denied']) {
              const { flow, seen } = await signIn(endpoint.server);
              const url = (pair: string): string => target(flow, `${pair}&state=${flow.state}`);
              const before = accepted(endpoint).length;
              await endpoint.visit(url(first));
              for (const again of [first, 'code=another', 'error=server_error', 'code=another&iss=x']) {
                const answer = await endpoint.visit(url(again));
                assert.is(answer.status, 400, again);
                assert.is(answer.body, unknown.body, 'is not answered with the neutral page');
              }
              assert.is(accepted(endpoint).length, before + 1);
              assert.is(seen.responses.length, 1);
              assert.equal(
                [seen.responses[0]!.code ?? null, seen.errors],
                [first === 'code=one' ? 'one' : null, []],
              );
              await assert.rejects(endpoint.server.begin({ state: flow.state }), 'state_in_use');
            }
            assert.not.match(carried(endpoint) + said(endpoint), 'another');
            const settled = endpoint.events.filter(({ type }) => type === 'answered');
            assert.is(settled.length, 2);
          },
          create,
        ),
      [
        twin(
          'accepts a state as often as it comes',
          [
            edit(`if (!flow?.pending) return {`, `if (!flow) return {`),
            edit(`if (flow.notify()) this.taken(flow);`, `flow.notify();`),
          ],
          /code=one/,
        ),
      ],
    ),
    check(
      server,
      'uses a state up whoever waited for it: nobody, a held redirect, a subscriber by state',
      async (create) => {
        const path = `/callback?code=one&state=${ownState(1)}`;
        const again = `/callback?code=two&state=${ownState(1)}`;
        const once = async (endpoint: Parameters<Parameters<typeof withServer>[1]>[0]): Promise<void> => {
          assert.is((await endpoint.visit(again)).status, 400);
          assert.is((await endpoint.visit(path)).status, 400);
          assert.equal(
            accepted(endpoint).map(({ code }) => code),
            ['one'],
          );
        };
        await withServer(
          { unmatched: 'accept' },
          async (endpoint) => {
            assert.is((await endpoint.visit(path)).status, 200);
            await once(endpoint);
          },
          create,
        );
        await withServer(
          { unmatched: { holdFor: 10_000, max: 2 } },
          async (endpoint) => {
            const held = new Promise<void>((resolve) => endpoint.server.redirects.subscribe(() => resolve()));
            const page = endpoint.visit(path);
            await held;
            const { seen } = await signIn(endpoint.server, { state: ownState(1) });
            assert.is((await page).status, 200);
            assert.equal(
              seen.responses.map(({ code }) => code),
              ['one'],
            );
            await once(endpoint);
          },
          create,
        );
        await withServer(
          {},
          async (endpoint) => {
            const codes: (string | undefined)[] = [];
            endpoint.server.redirects.pipe(ofState(ownState(1))).subscribe(({ code }) => codes.push(code));
            assert.is((await endpoint.visit(path)).status, 200);
            await once(endpoint);
            assert.equal(codes, ['one']);
          },
          create,
        );
      },
    ),
  ),

  requirement(
    'B-05',
    {
      demand: 'Accept one of several equal redirects that arrive at the same time.',
      source: 'as B-04',
    },
    check(
      server,
      'accepts one of two hundred equal redirects that come at once',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            for (const responseMode of ['query', 'form_post'] as const) {
              const { flow, seen } = await signIn(endpoint.server, { responseMode });
              const sent = accepted(endpoint).length;
              const request: HttpRequest =
                responseMode === 'query'
                  ? { target: target(flow, response(flow)), headers: navigation }
                  : post('/callback', response(flow));
              const bytes = compose(endpoint.port, request);
              const sockets = await Promise.all(Array.from({ length: 200 }, () => dial(endpoint.port)));
              try {
                for (const socket of sockets) socket.write(bytes);
                const answers = await Promise.all(sockets.map((socket) => readAnswer(socket)));
                const good = answers.filter(({ status }) => status === 200);
                assert.is(good.length, 1);
                assert.is(answers.filter(({ status }) => status === 400).length, 199);
              } finally {
                for (const socket of sockets) socket.destroy();
              }
              assert.is(seen.responses.length, 1);
              assert.is(accepted(endpoint).length, sent + 1);
            }
            assert.is(endpoint.events.filter(({ type }) => type === 'answered').length, 2);
          },
          create,
        ),
      [
        twin(
          'looks whether a state is used up some time before it uses it up',
          [
            edit(`if (!flow?.pending) return {`, `if (!flow) return {`),
            edit(
              `if (flow.notify()) this.taken(flow);`,
              `if (flow.notify()) setTimeout(() => this.taken(flow), 100);`,
            ),
          ],
          /\+\+1 .*\n--\d/,
        ),
      ],
    ),
  ),

  requirement(
    'B-06',
    {
      demand:
        'End a pending flow after at most ten minutes by default, free its place, and reject its late redirect.',
      source: 'RFC 6749 section 4.1.2; MCP security best practices',
    },
    check(
      server,
      'ends a flow after ten minutes, frees its place and refuses its redirect',
      async (create) => {
        const scheduler = new VirtualTimeScheduler();
        await withServer(
          { scheduler, maxFlows: 2 },
          async (endpoint) => {
            const { server } = endpoint;
            const unknown = await endpoint.visit(`/callback?code=a&state=${ownState(0)}`);
            const waiting = await signIn(server);
            pass(scheduler, tenMinutes - 1);
            const short = await signIn(server, { ttl: 1 });
            assert.equal(waiting.seen.errors, []);
            await assert.rejects(server.begin(), 'too_many_flows');
            pass(scheduler, 1);
            for (const { flow, seen } of [waiting, short]) {
              assert.is(seen.errors.length, 1);
              assert.instance(seen.errors[0], FlowExpiredError);
              assert.is((seen.errors[0] as FlowExpiredError).code, 'expired');
              const late = await endpoint.visit(target(flow, response(flow, 'CANARY')));
              assert.is(late.status, 400);
              assert.is(late.body, unknown.body, 'is not answered with the neutral page');
              assert.is(endpoint.redirects.at(-1)!.disposition, 'late');
              assert.equal([seen.responses.length, seen.errors.length], [0, 1]);
            }
            assert.equal(accepted(endpoint), []);
            assert.not.match(carried(endpoint) + said(endpoint), 'CANARY');
            assert.is(endpoint.events.filter(({ type }) => type === 'expired').length, 2);
            // Both places are free again.
            await server.begin();
            await delivers(endpoint, await signIn(server));
          },
          create,
        );
      },
      [
        twin(
          'lets no flow expire',
          edit(`(flow) => this.#end(flow, expiredError())`, '() => undefined'),
          /\+\+1 .*\n--0/,
        ),
      ],
    ),
    check(
      server,
      'refuses a redirect that is late although the timer is later still',
      async (create) => {
        const scheduler = new VirtualTimeScheduler();
        await withServer(
          { scheduler },
          async (endpoint) => {
            const { flow, seen } = await signIn(endpoint.server, { ttl: 1_000 });
            const waiting = await signIn(endpoint.server);
            // Time passes, and no timer fires.
            scheduler.frame += 1_000;
            await refuses(endpoint, waiting, target(flow, response(flow)), 'at its deadline');
            assert.equal(seen.responses, []);
            pass(scheduler, 0);
            assert.equal(
              seen.errors.map((error) => error instanceof FlowExpiredError),
              [true],
            );
            await delivers(endpoint, waiting);
          },
          create,
        );
      },
      [
        twin(
          'goes by the timer alone',
          edit('flow.expiresAt <= this.now()', 'flow.expiresAt < 0'),
          /at its deadline: is answered 200/,
        ),
      ],
    ),
  ),

  requirement(
    'B-07',
    {
      demand: 'Put no data of a tenant or user into a state, and reject a state that was altered.',
      source: 'RFC 6749 section 10.8; RFC 9700 section 4.7.1',
    },
    check(
      server,
      'says nothing in a state, and takes no state that was altered',
      (create) =>
        withServer(
          { callbackPath: '/callback' },
          async (endpoint) => {
            const options = { issuer: 'https://tenant.example', context: 'tenant-7', key: 'user-42' };
            const waiting = await signIn(endpoint.server, options);
            const { flow } = waiting;
            const second = await endpoint.server.begin({ ...options, key: 'user-43' });
            // Each long enough that no random state holds it by accident.
            const telling = ['tenant', 'user-42', 'callback', 'https:', flow.codeVerifier.toLowerCase()];
            for (const reading of readings(flow.state)) {
              assert.not.ok(isJson(reading));
              for (const text of telling) assert.not.ok(reading.toLowerCase().includes(text), text);
            }
            for (let at = 0; at + 6 <= flow.state.length; at++) {
              assert.not.ok(
                second.state.includes(flow.state.slice(at, at + 6)),
                'two states have a part in common',
              );
            }
            const altered = Array.from(flow.state).map(
              (character, at) => flow.state.slice(0, at) + flip(character) + flow.state.slice(at + 1),
            );
            // Decoded, these are the same bytes.
            const spare = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')
              .map((last) => flow.state.slice(0, -1) + last)
              .filter((state) =>
                Buffer.from(state, 'base64url').equals(Buffer.from(flow.state, 'base64url')),
              );
            for (const state of [...altered, ...spare, `${flow.state}=`, `${flow.state}.`]) {
              if (state === flow.state) continue;
              await refuses(
                endpoint,
                waiting,
                target(flow, `code=a&state=${encodeURIComponent(state)}`),
                state,
              );
            }
            await delivers(endpoint, waiting, `${response(flow)}&iss=https%3A%2F%2Ftenant.example`);
          },
          create,
        ),
      [
        twin(
          'tells in the state which program begins',
          edit(
            'this.#add(randomToken(),',
            "this.#add(Buffer.from(JSON.stringify({ path: process.cwd(), random: randomToken() })).toString('base64url'),",
          ),
          /Expected value to be falsey/,
        ),
      ],
    ),
  ),

  requirement(
    'B-08',
    {
      demand: 'Check state and issuer before any part of an error response is shown or acted on.',
      source: 'RFC 9207 section 2.4; MCP authorization',
    },
    check(
      server,
      'shows and tells nothing of an error before state, issuer and redirect URI have been checked',
      (create) =>
        withServer(
          { callbackPath: '/cb' },
          async (endpoint) => {
            const issuer = 'https://as.example';
            const iss = `iss=${encodeURIComponent(issuer)}`;
            const waiting = await signIn(endpoint.server, { issuer, requireIssuer: true, context: 'a' });
            const form = await signIn(endpoint.server, { issuer, responseMode: 'form_post' });
            const { flow } = waiting;
            const unknown = await endpoint.visit(`/cb?code=a&state=${ownState(0)}`);
            const texts = 'error_description=PHISH&error_uri=https%3A%2F%2FPHISH.example';
            for (const error of ['x', 'access_denied', 'PHISH']) {
              for (const [what, path, query] of [
                ['a wrong state', '/cb/a', `state=${ownState(0)}&${iss}`],
                ['an invalid state', '/cb/a', `state=%00&${iss}`],
                ['no state', '/cb/a', iss],
                ['a foreign issuer', '/cb/a', `state=${flow.state}&iss=https%3A%2F%2Fevil.example`],
                ['an issuer that is no URI', '/cb/a', `state=${flow.state}&iss=PHISH%20%3Cb%3E`],
                ['no issuer', '/cb/a', `state=${flow.state}`],
                ['another path', '/cb', `state=${flow.state}&${iss}`],
                ['another response mode', '/cb', `state=${form.flow.state}&${iss}`],
              ] as const) {
                const from = endpoint.redirects.length;
                const url = `${path}?error=${error}&${texts}&${query}`;
                const answer = await refuses(endpoint, waiting, url, what);
                assert.is(answer.body, unknown.body, `${what} is not answered with the neutral page`);
                assert.not.match(answer.raw + told(endpoint), 'PHISH');
                const shown = endpoint.redirects.slice(from).map(({ response }) => response.toDict());
                assert.is(shown.length, 1);
                for (const name of ['error_description', 'error_uri', 'iss'] as const) {
                  assert.is(shown[0]![name], undefined, `${what}: tells ${name}`);
                }
              }
            }
            assert.equal(form.seen, { responses: [], errors: [], completed: false });
            // The same texts, now that all is right.
            const answer = await endpoint.visit(`/cb/a?error=x&${texts}&state=${flow.state}&${iss}`);
            assert.match(answer.body, 'PHISH');
            assert.equal(
              waiting.seen.responses.map((each) => each.error_description),
              ['PHISH'],
            );
          },
          create,
        ),
      [
        twin(
          'shows an error before the state is checked',
          edit(
            `answer: this.#rejection(disposition, reason, status, language),`,
            `answer: fields.error === undefined ? this.#options.pages.neutral(400, language) : this.#options.pages.denied('denied', new CallbackResponse(fields), language),`,
          ),
          /not answered with the neutral page/,
        ),
      ],
    ),
    check(
      server,
      'checks the issuer of an error without state too, where such an error may end a flow',
      (create) =>
        withServer(
          { errorWithoutState: 'end-only-flow', callbackPath: '/cb' },
          async (endpoint) => {
            const waiting = await signIn(endpoint.server, {
              issuer: 'https://as.example',
              requireIssuer: true,
              context: 'a',
            });
            for (const url of [
              '/cb/a?error=x&error_description=PHISH&iss=https%3A%2F%2Fevil.example',
              '/cb/a?error=x&error_description=PHISH',
              '/cb?error=x&error_description=PHISH&iss=https%3A%2F%2Fas.example',
              '/cb/a?error=x&error_description=PHISH&iss=https%3A%2F%2Fas.example&state=%00',
            ]) {
              const answer = await refuses(endpoint, waiting, url, url);
              assert.not.match(answer.body, 'PHISH');
            }
            assert.not.match(carried(endpoint) + said(endpoint), 'PHISH');
            await endpoint.visit('/cb/a?error=x&iss=https%3A%2F%2Fas.example');
            assert.equal(
              waiting.seen.responses.map(({ error }) => error),
              ['x'],
            );
          },
          create,
        ),
    ),
  ),

  requirement(
    'B-09',
    {
      demand: 'Reject a state that is already pending; the first flow keeps it.',
      source: 'RFC 9700 section 4.7.1',
    },
    check(
      server,
      'registers no state twice, and the first who waits keeps it',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const { server } = endpoint;
            const state = ownState(1);
            const first = await signIn(server, { state });
            for (const options of [
              { state },
              { state, context: 'other' },
              { state, issuer: 'https://as.example' },
            ]) {
              await assert.rejects(server.begin(options), 'state_in_use');
            }
            const together = await Promise.allSettled(
              [1, 2, 3].map(() => server.begin({ state: ownState(2) })),
            );
            assert.equal(together.map(({ status }) => status).sort(), ['fulfilled', 'rejected', 'rejected']);
            await delivers(endpoint, first);
            await assert.rejects(server.begin({ state }), 'state_in_use');
          },
          create,
        ),
      [
        twin(
          'lets a second flow take the place of the first',
          edit(
            `if (this.#live.get(state)) throw new StateInUseError('another pending flow has this state');`,
            '',
          ),
          /Expected promise to reject/,
        ),
      ],
    ),
  ),

  requirement(
    'B-10',
    {
      demand:
        'Keep a redirect that arrives before its consumer subscribes, until the flow expires, then remove it.',
      source: 'this product',
      note: 'decided: every subscriber of a flow gets the response, until the deadline of the flow',
    },
    check(
      server,
      'keeps an early redirect for whoever subscribes to its flow, until the time of the flow is over',
      async (create) => {
        const scheduler = new VirtualTimeScheduler();
        await withServer(
          { scheduler, maxFlows: 2 },
          async (endpoint) => {
            const { server } = endpoint;
            const flow = await server.begin();
            const other = await signIn(server);
            assert.is((await endpoint.visit(target(flow, response(flow)))).status, 200);
            // A redirect that is kept counts as pending, and is not replaced.
            await assert.rejects(server.begin(), 'too_many_flows');
            await assert.rejects(server.begin({ state: flow.state }), 'state_in_use');
            assert.is((await endpoint.visit(target(flow, response(flow, 'another')))).status, 400);
            pass(scheduler, 1_000);
            const first = observe(flow);
            await server.begin();
            const second = observe(flow);
            pass(scheduler, tenMinutes - 1_001);
            const last = observe(flow);
            for (const seen of [first, second, last]) {
              assert.equal(
                seen.responses.map(({ code }) => code),
                ['the-code'],
              );
              assert.equal([seen.completed, seen.errors], [true, []]);
            }
            assert.equal(other.seen, { responses: [], errors: [], completed: false });
            pass(scheduler, 1);
            const tooLate = observe(flow);
            assert.equal(tooLate.responses, []);
            assert.instance(tooLate.errors[0], FlowExpiredError);
          },
          create,
        );
      },
      [
        twin(
          'drops a response that nobody is subscribed for',
          edit(
            `if (flow.notify()) this.taken(flow);`,
            `if (!flow.notify()) flow.end = { error: expiredError() };\n    this.taken(flow);`,
          ),
          /Expected promise to reject/,
        ),
      ],
    ),
    check(server, 'wipes a redirect that nobody came for, and frees its place', async (create) => {
      const scheduler = new VirtualTimeScheduler();
      await withServer(
        { scheduler, maxFlows: 1 },
        async (endpoint) => {
          const { server } = endpoint;
          const flow = await server.begin();
          assert.is((await endpoint.visit(target(flow, response(flow)))).status, 200);
          pass(scheduler, tenMinutes - 1);
          await assert.rejects(server.begin(), 'too_many_flows');
          pass(scheduler, 1);
          const seen = observe(flow);
          assert.equal(seen.responses, []);
          assert.instance(seen.errors[0], FlowExpiredError);
          await delivers(endpoint, await signIn(server));
        },
        create,
      );
    }),
  ),

  requirement(
    'B-11',
    {
      demand: 'Show no code, verifier or state in events, in the log or by printing a redirect.',
      source: 'MCP security best practices; OWASP Multi-Tenant section 3',
      note: 'decided: in process the stream carries the code; events, log and printing do not',
    },
    check(
      server,
      'tells no code, verifier or state in events, in the log or by printing a redirect',
      (create) =>
        withServer(
          {},
          async (endpoint) => {
            const secrets: string[] = [];
            for (let number = 0; number < 10; number++) {
              const { flow, seen } = await signIn(endpoint.server);
              const code = `CANARY-${number}`;
              flow.authorizationUrl('https://as.example/authorize');
              secrets.push(flow.state, flow.codeVerifier, code);
              await endpoint.visit(target(flow, response(flow, code)));
              await endpoint.visit(target(flow, response(flow, code)));
              assert.is(seen.responses[0]!.code, code);
            }
            const counts = ['begun', 'redirect', 'answered'].map(
              (type) => endpoint.events.filter((event) => event.type === type).length,
            );
            assert.equal(counts, [10, 20, 10]);
            assert.ok(endpoint.log.length >= 10);
            const all = said(endpoint) + inspect(endpoint.events, { depth: Infinity, showHidden: true });
            for (const secret of secrets) assert.not.match(all, secret);
            assert.not.match(carried(endpoint), 'CANARY');
          },
          create,
        ),
      [
        twin(
          'puts the response into the event',
          edit(
            `return { type: 'redirect', at, disposition, flowId, reason, ...dropped };`,
            `return { type: 'redirect', at, disposition, flowId, reason, ...dropped, ...response.toDict() } as RejectionEvent;`,
          ),
          /Expected value not to include/,
        ),
      ],
    ),
  ),

  requirement(
    'B-13',
    {
      demand:
        'Deliver a code to its own flow only, with the issuer, redirect URI and context that the token request needs.',
      source: 'RFC 6749 section 4.1.2; OAuth 2.1 section 7.15',
      note: 'decided: every subscriber of a flow gets the response; issuer and context are those of its begin()',
    },
    check(
      server,
      'gives a code to its own flow only, with what the token request must go by',
      (create) =>
        withServer(
          { callbackPath: '/cb', issuers: ['https://as.example', 'https://other.example'] },
          async (endpoint) => {
            const issuer = 'https://as.example';
            const waiting = await signIn(endpoint.server, { issuer, context: 'tool-a' });
            const other = await signIn(endpoint.server, {
              issuer: 'https://other.example',
              context: 'tool-b',
            });
            const { flow } = waiting;
            const second = observe(flow);
            const sentTo = flow
              .authorizationUrl('https://as.example/authorize')
              .searchParams.get('redirect_uri');
            assert.is(sentTo, flow.redirectUri);
            assert.ok(flow.redirectUri.endsWith('/cb/tool-a'));
            const query = `${response(flow)}&iss=${encodeURIComponent(issuer)}`;
            const delivered = await delivers(endpoint, waiting, query);
            assert.equal([delivered.state, delivered.iss], [flow.state, issuer]);
            assert.equal(delivered.toDict(), { code: 'the-code', state: flow.state, iss: issuer });
            // Every subscriber of one flow gets it; nobody gets that of another.
            assert.equal(
              second.responses.map(({ code }) => code),
              ['the-code'],
            );
            assert.equal(
              observe(flow).responses.map(({ code }) => code),
              ['the-code'],
            );
            assert.equal(other.seen, { responses: [], errors: [], completed: false });
            assert.is(accepted(endpoint).length, 1);
          },
          create,
        ),
      [
        twin(
          'gives a response to every flow that waits',
          edit(
            `    flow.end = { response };`,
            `    for (const each of this.#deadlines.values()) if (each.pending && each !== flow) {\n      each.end = { response };\n      each.notify();\n    }\n    flow.end = { response };`,
          ),
          /--··"completed":·true/,
        ),
      ],
    ),
  ),
);
