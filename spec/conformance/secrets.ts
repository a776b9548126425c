import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { format, inspect } from 'node:util';
import { firstValueFrom, VirtualTimeScheduler } from 'rxjs';
import type { Io } from '../../src/cli/io.ts';
import {
  AuthorizationError,
  type BeginOptions,
  CallbackResponse,
  type Flow,
  OAuthCallbackResult,
  ofState,
  orThrow,
  type ServerOptions,
  TooManyFlowsError,
} from '../../src/index.ts';
import { withoutSecrets } from '../../src/login/redaction.ts';
import * as assert from '../helpers/assert.ts';
import { type Create, type Endpoint, observe, withServer } from '../helpers/endpoint.ts';
import { visit as visitUrl } from '../helpers/http.ts';
import { comingBack, json, startIssuer } from '../helpers/issuer.ts';
import { idTokenPayload, tokenFields } from '../helpers/tokens.ts';
import { Watched } from '../helpers/watched.ts';
import { navigation, send, sendBytes, visit, type HttpAnswer } from '../helpers/http.ts';
import type { Finish, Finished, Ready } from './memory-child.ts';
import { edit, replacing } from '../helpers/weakened.ts';
import { check, exportsOf, requirement, requirementsOn, server, twin } from './requirement.ts';

const loginCommand = exportsOf<typeof import('../../src/cli/login/run.ts')>('cli/login/run.ts');

const metricsModule = exportsOf<typeof import('../../src/telemetry/metrics.ts')>('telemetry/metrics.ts');

const tokensModule = exportsOf<typeof import('../../src/login/tokens.ts')>('login/tokens.ts');

const signingIn = exportsOf<typeof import('../../src/login/sign-in.ts')>('login/sign-in.ts');

/** Secrets of a request that a server may repeat. */
const secrets = { code: 'CANARY/of+a=code', clientSecret: 'CANARY/of+a=secret' };

export const requirements = requirementsOn(
  'Secrets',
  requirement(
    'H-01',
    {
      demand: 'Write no code, whole state, verifier, token or body to a log, metric, trace or error.',
      source: 'OWASP Logging; RFC 6749 sections 10.5 and 10.8',
      note: 'metrics, traces and the command are searched by spec/unit/telemetry and spec/behaviour/cli too',
    },
    check(
      server,
      'writes no code, whole state, verifier, token or body anywhere, with a logger that takes everything',
      (create) => leavesNoTrace(create, true),
    ),
    check(
      server,
      'writes no code, whole state, verifier, token or body anywhere, without a logger',
      (create) => leavesNoTrace(create, false),
    ),
    check(
      loginCommand,
      'login shows nothing of what is pasted, and nothing that is refused',
      async ({ login }) => {
        await using as = await startIssuer({
          token: (form, response) =>
            json(response, 400, { error: 'invalid_grant', error_description: String(form) }),
        });
        const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
        let shown = '';
        for (const output of [stdout, stderr]) output.on('data', (text: Buffer) => (shown += String(text)));
        const sees = async (what: string): Promise<void> => {
          const look = async (): Promise<void> => {
            while (!shown.includes(what)) await new Promise(setImmediate);
          };
          await assert.deadline(look(), what);
        };
        const env = { RX_OAUTH_CALLBACK_CLIENT_SECRET: secrets.clientSecret };
        const io: Io = {
          stdin,
          stdout,
          stderr,
          env,
          onSignal: () => () => undefined,
          hungUp: () => false,
          onSuspension: () => () => undefined,
          suspend: () => undefined,
          exit: () => process.exit(),
        };
        const flags = {
          issuer: as.issuer,
          clientId: 'c',
          port: '0',
          host: '127.0.0.1',
          callbackPath: '/callback',
        };
        const ended = login({ ...flags, timeout: '60', browser: false }, io).then(
          () => assert.unreachable('it has tokens'),
          (error: unknown) => (shown += inspect(error, { depth: Infinity, showHidden: true })),
        );
        await sees('Waiting for the sign-in');
        const back = new URL(comingBack(new URL(/http\S+/.exec(shown)![0]), { code: secrets.code }));
        const stranger = new URL(back);
        stranger.searchParams.set('state', 'a-state-of-nobody-at-all');
        for (const [line, complaint] of [
          ['CANARY-short', 'too short'],
          ['CANARY with a gap in it', 'neither'],
          [stranger.href, 'belongs to another sign-in'],
          [`${back.href}&code=CANARY`, 'repeated_parameter'],
        ] as const) {
          stdin.write(`${line}\n`);
          await sees(complaint);
        }
        stdin.write(`${back.href}\n`);
        await ended;
        assert.match(shown, 'invalid_grant');
        assert.not.match(shown, 'CANARY', 'a secret is shown');
        assert.match(as.requests.at(-1)!.body, 'CANARY', 'what is looked for was sent');
      },
      [
        twin(
          'repeats what it does not take',
          edit(`\`\${complaint} Try again:\``, `\`\${complaint} \${line}\``),
          /a secret is shown/,
        ),
        twin(
          'says what the server says',
          replacing({ withoutSecrets }, () => (text) => text),
          /a secret is shown/,
        ),
      ],
    ),
    check(
      metricsModule,
      'no label of a metric holds a state, or what a provider made up',
      ({ createMetrics }) =>
        withServer({}, async ({ server, visit }) => {
          const metrics = createMetrics(server, { process: false });
          const { state } = await server.begin();
          await visit(`/callback?code=c&state=${state}`);
          const denied = await server.begin();
          await visit(`/callback?error=made_up_by_it&error_description=x&state=${denied.state}`);
          await visit('/callback?code=c&state=the-state-of-nobody-at-all');
          const text = await metrics.text();
          assert.match(text, 'redirects_total{disposition="accepted",reason=""} 2\n');
          for (const [what, secret] of [
            ['a state', state],
            ['a state that somebody has sent', 'the-state-of-nobody-at-all'],
            ['an error of a provider', 'made_up_by_it'],
          ] as const)
            assert.not.match(text, secret, `${what} is in a label`);
        }),
      [
        twin(
          'counts redirects by their state',
          edit(
            `  const subscription = events.subscribe(counterOf(register));`,
            `  const subscription = events.subscribe(counterOf(register));
  const states = new Counter({ name: prefix + 'states_total', help: 'x', labelNames: ['state'], registers: [register] });
  server.redirects.subscribe(({ response }) => states.inc({ state: response.state ?? '' }));`,
          ),
          /a state is in a label/,
        ),
        twin(
          'counts errors by whatever a provider calls them',
          edit(`registered.has(error) ? error : 'other'`, `error`),
          /an error of a provider is in a label/,
        ),
      ],
    ),
  ),

  requirement(
    'H-02',
    {
      demand: 'Redact results, errors and tokens however they are printed.',
      source: 'Node: ERR_INVALID_URL holds the whole URL',
    },
    check(
      server,
      'prints responses, redirects, flows, servers and results without code and whole state',
      (create) => {
        const resultContainer = new OAuthCallbackResult();
        return withServer(
          { resultContainer },
          async ({ server, redirects, events, visit }) => {
            const flow = await server.begin();
            const { state, codeVerifier } = flow;
            await visit(`/callback?code=${code}&state=${state}&iss=https%3A%2F%2Fas.example`);
            const response = await firstValueFrom(flow.response);
            const subscription = flow.response.subscribe();
            const objects = {
              response,
              copy: CallbackResponse.fromDict(response.toDict()),
              redirect: redirects[0],
              flow,
              subscription,
              observable: flow.response,
              piped: server.redirects.pipe(ofState(state)),
              server,
              resultContainer,
              events,
              handler: server.handler,
            };
            const secrets = { code, state, codeVerifier };
            for (const [name, object] of Object.entries(objects)) isDiscreet(name, object, secrets);
            // An explicit request by name gets the value.
            assert.equal(response.toDict(), { code, state, iss: 'https://as.example' });
            assert.is(redirects[0]?.response.code, code);
            assert.equal([resultContainer.code, resultContainer.state], [code, state]);
            assert.equal([flow.state, flow.codeVerifier], [state, codeVerifier]);
          },
          create,
        );
      },
      [
        twin(
          'prints a response as it is',
          edit(`  return { ...redact(this.toDict()), ...`, `  return { ...this.toDict(), ...`),
          /JSON\.stringify of response shows the code/,
        ),
      ],
    ),
    check(
      server,
      'prints errors, with their causes, without code, whole state and the URL of a request',
      async (create) => {
        const scheduler = new VirtualTimeScheduler();
        const errors: Record<string, unknown> = {};
        const flows: Flow[] = [];
        const weak = 'weak-state-0123456789';
        await withServer(
          { scheduler, maxFlows: 4, flowTtl: 1_000, issuers: ['https://as.example'] },
          async (endpoint) => {
            const { server, visit } = endpoint;
            const begin = async (name: string, options: BeginOptions = {}): Promise<Flow> => {
              const flow = await server.begin({ ttl: 60_000, ...options });
              flows.push(flow);
              flow.response.pipe(orThrow()).subscribe({ error: (error: unknown) => (errors[name] = error) });
              return flow;
            };
            const denied = await begin('denied');
            await visit(`/callback?error=x&error_description=no&code=${code}&state=${denied.state}`);
            (await begin('cancelled')).cancel(new Error('the reason'));
            await begin('expired', { ttl: 1_000 });
            scheduler.maxFrames = 1_000;
            scheduler.flush();
            const closed = await begin('closed');
            errors['state in use'] = await assert.rejects(server.begin({ state: closed.state }));
            errors['state used up'] = await assert.rejects(server.begin({ state: denied.state }));
            errors['weak state'] = await assert.rejects(server.begin({ state: weak }));
            errors['wrong context'] = await assert.rejects(server.begin({ context: '../' }));
            const contradicted = { state: 'another', code_challenge: 'another' };
            errors['contradiction'] = assert.throws(() =>
              closed.authorizationUrl('https://as.example', contradicted),
            );
            const [broken, scheme] = [`http://[::1/?code=${code}`, `javascript:${code}`];
            errors['broken endpoint'] = assert.throws(
              () => closed.authorizationUrl(broken),
              'invalid_option',
            );
            errors['wrong scheme'] = assert.throws(() => closed.authorizationUrl(scheme), 'invalid_option');
            for (let index = 0; index < 3; index++) await begin(`too many ${index}`);
            errors['too many'] = await assert.rejects(server.begin(), 'too_many_flows');
          },
          create,
        );
        assert.is(Object.keys(errors).length, 15);
        for (const [name, error] of Object.entries(errors)) {
          assert.ok(error instanceof Error && 'code' in error, name);
          for (const { state, codeVerifier } of flows)
            isDiscreet(name, error, { code, weak, state, codeVerifier });
        }
        const denied = errors['denied'];
        assert.instance(denied, AuthorizationError);
        assert.is((denied as AuthorizationError).state, flows[0]?.state);
      },
      [
        twin(
          'keeps the state in the error',
          edit(
            `this.#owner.cancel(\n      this,\n      new FlowCancelledError('the flow was cancelled', reason === undefined ? undefined : { cause: reason }),`,
            `this.#owner.cancel(\n      this,\n      Object.assign(new FlowCancelledError('the flow was cancelled'), { state: this.state }),`,
          ),
          /of cancelled shows the state/,
        ),
      ],
    ),
    check(
      tokensModule,
      'shows no token when it is printed, alone or within something',
      ({ Tokens }) => {
        const tokens = Tokens.fromDict(tokenFields);
        const printed = [
          String(tokens),
          JSON.stringify({ tokens }),
          inspect({ tokens }, { depth: Infinity, showHidden: true, getters: true }),
          inspect(new Error('x', { cause: tokens }), { depth: Infinity }),
          inspect({ ...(tokens as object) }),
          inspect(structuredClone({ tokens })),
        ].join('\n');
        assert.not.match(printed, 'CANARY', 'a token is printed');
        assert.not.match(printed, idTokenPayload);
        assert.match(printed, '"access_token":"[redacted]"');
      },
      [
        twin(
          'prints tokens as they are',
          edit(`[name, '[redacted]']`, `[name, this.#fields[name]]`),
          /a token is printed/,
        ),
        twin(
          'prints what else the server has sent',
          edit(`...(dpop_jkt !== undefined && { dpop_jkt }),`, `...this.#fields,`),
          /a token is printed/,
        ),
      ],
    ),
    check(
      signingIn,
      'an error of the token endpoint shows nothing secret, whatever the server repeats',
      async ({ signIn }) => {
        const { code, clientSecret } = secrets;
        let verifier = '';
        const said: readonly (readonly [string, (form: URLSearchParams, header: string) => string])[] = [
          ['as it is', (form) => [...form.values(), clientSecret].join(' ')],
          ['as it was sent', (form) => String(form)],
          ['as the header has it', (_form, header) => header],
          ['cut off', () => 'x'.repeat(495) + code],
        ];
        for (const [how, say] of said) {
          await using as = await startIssuer({
            token: (form, response) => {
              verifier = form.get('code_verifier')!;
              const error_description = say(form, response.req.headers.authorization ?? '');
              json(response, 400, { error: 'invalid_grant', error_description });
            },
          });
          using watched = new Watched(signIn({ issuer: as.issuer, clientId: 'c', clientSecret }));
          const page = await visitUrl(comingBack((await watched.next('authorize')).url, { code }));
          const error = await watched.failure();
          assert.is(error.code, 'token_request_failed');
          const shown = [
            page.body,
            String(error),
            inspect(error, { depth: Infinity, showHidden: true }),
          ].join();
          // The part of the header that does not depend on what follows.
          const header = Buffer.from('c:CANA').toString('base64');
          for (const secret of ['CANAR', verifier, header])
            assert.not.match(shown, secret, `${how}, it is shown`);
        }
        assert.ok(verifier.length >= 43);
      },
      [
        twin(
          'says what the server says',
          replacing({ withoutSecrets }, () => (text) => text),
          /as it is, it is shown/,
        ),
        twin(
          'does not know a secret as it was sent',
          replacing(
            { withoutSecrets },
            () => (text, secrets) =>
              secrets
                .reduce((left, secret) => left.replaceAll(secret, '[redacted]'), text)
                .replace(/\bBasic\s+\S+/gi, 'Basic [redacted]'),
          ),
          /as it was sent, it is shown/,
        ),
        twin(
          'shows the header of a client',
          edit(`'Basic [redacted]'`, `found`),
          /as the header has it, it is shown/,
        ),
        twin(
          'takes secrets out of what it has cut',
          edit(`errorText(withoutSecrets(text, secrets))`, `withoutSecrets(errorText(text), secrets)`),
          /cut off, it is shown/,
        ),
        twin(
          'keeps the answer in the error',
          edit(
            `return new TokenError(issuer, message, error, unanswered, status, kept);`,
            `return Object.assign(new TokenError(issuer, reason, error, unanswered), { cause: thrown });`,
          ),
          /as it is, it is shown/,
        ),
      ],
    ),
  ),

  requirement(
    'H-03',
    {
      demand: 'Keep no code in memory after it was delivered or has expired.',
      source: 'RFC 9700 section 4.2.4',
    },
    check(
      server,
      'has no code in its memory once it is handed over, refused or expired',
      () => forgets(),
      [],
      { deadline: 300_000 },
    ),
  ),

  requirement(
    'H-04',
    {
      demand: 'Limit pending flows and undelivered results; reject new ones and evict none.',
      source: 'OWASP Multi-Tenant section 5',
      note: 'over a bridge, each credential has a share; tenants of a store have a quota: L-13',
    },
    check(
      server,
      'refuses a flow too many, and completes those that wait',
      (create) =>
        withServer(
          { maxFlows: 50 },
          async (endpoint) => {
            const { server, events } = endpoint;
            const flows: Flow[] = [];
            for (let index = 0; index < 50; index++) flows.push(await server.begin());
            const outcomes = flows.map(observe);
            for (let index = 0; index < 100; index++)
              assert.is((await assert.rejects(server.begin())) instanceof TooManyFlowsError, true);
            // Waiting by state alone takes a place too.
            const refused: unknown[] = [];
            const other = server.redirects.pipe(ofState('0123456789-'.repeat(4)));
            other.subscribe({ error: (error: unknown) => refused.push(error) });
            assert.is(refused.length, 1);
            for (const [index, flow] of flows.entries())
              assert.is((await endpoint.visit(`/callback?code=c${index}&state=${flow.state}`)).status, 200);
            assert.equal(
              outcomes.map(({ responses }) => responses[0]?.code),
              flows.map((_, index) => `c${index}`),
            );
            assert.equal(
              events.filter(({ type }) => type === 'expired' || type === 'cancelled'),
              [],
            );
            await server.begin();
          },
          create,
        ),
      [
        twin(
          'drops the oldest flow for a new one',
          edit(
            'if (this.size >= this.#options.maxFlows) {\n      throw new TooManyFlowsError(`maxFlows (${this.#options.maxFlows}) flows are pending`);',
            'if (this.size >= this.#options.maxFlows) {\n      [...this.#deadlines.values()][0]?.cancel();',
          ),
          /Expected promise to reject/,
        ),
      ],
    ),
    check(server, 'counts results that nobody has taken, and drops none of them', async (create) => {
      const scheduler = new VirtualTimeScheduler();
      await withServer(
        { maxFlows: 3, scheduler, flowTtl: 1_000 },
        async ({ server, visit }) => {
          const flows = [await server.begin(), await server.begin(), await server.begin({ ttl: 2_000 })];
          for (const [index, { state }] of flows.entries())
            assert.is((await visit(`/callback?code=c${index}&state=${state}`)).status, 200);
          await assert.rejects(server.begin(), 'too_many_flows');
          assert.is((await firstValueFrom(flows[0]!.response)).code, 'c0');
          // Taken, and its place with it.
          const next = await server.begin({ ttl: 2_000 });
          await assert.rejects(server.begin(), 'too_many_flows');
          scheduler.maxFrames = 1_000;
          scheduler.flush();
          await assert.rejects(firstValueFrom(flows[1]!.response), 'expired');
          const last = await server.begin();
          await assert.rejects(server.begin(), 'too_many_flows');
          assert.is((await firstValueFrom(flows[2]!.response)).code, 'c2');
          for (const flow of [next, last]) {
            await visit(`/callback?code=real&state=${flow.state}`);
            assert.is((await firstValueFrom(flow.response)).code, 'real');
          }
        },
        create,
      );
    }),
    check(
      server,
      'refuses a parameter or body that is too long to keep, and cuts a text that only informs',
      (create) =>
        withServer(
          { limits: { parameter: 100, body: 1_000 } },
          async (endpoint) => {
            const { server, visit, send } = endpoint;
            const flow = await server.begin();
            const posted = await server.begin({ responseMode: 'form_post' });
            const outcomes = [flow, posted].map(observe);
            const long = 'x'.repeat(101);
            for (const query of [`code=${long}`, `code=c&iss=${long}`, `error=${long}`])
              assert.is((await visit(`/callback?${query}&state=${flow.state}`)).status, 400);
            const post = (body: string): Promise<HttpAnswer> =>
              send({
                method: 'POST',
                target: '/callback',
                headers: { ...navigation, 'Content-Type': 'application/x-www-form-urlencoded' },
                body,
              });
            assert.is((await post(`code=c&state=${posted.state}&x=${'x'.repeat(1_000)}`)).status, 413);
            assert.is((await post(`code=${long}&state=${posted.state}`)).status, 400);
            await visit(`/callback?code=real&state=${flow.state}`);
            await post(`code=real&state=${posted.state}`);
            assert.equal(
              outcomes.map(({ responses }) => responses.map((response) => response.code)),
              [['real'], ['real']],
            );
            const denied = await server.begin();
            const denial = observe(denied);
            const texts = `error_description=${long}&error_uri=https://as.example/${long}`;
            await visit(`/callback?error=e&${texts}&state=${denied.state}`);
            assert.equal(
              denial.responses.map((response) => response.toDict()),
              [{ error: 'e', error_description: 'x'.repeat(100), state: denied.state }],
            );
          },
          create,
        ),
    ),
  ),
);

const code = 'canary-code-6f1d0c9b7a';

const token = 'canary-token-2e8b4d6f1c';

type Print = (object: unknown) => string;

/** The ways in which a program prints an object, by accident or assert.not. */
const prints: Readonly<Record<string, Print>> = {
  'JSON.stringify': jsonOf,
  'util.inspect': (object) => inspect(object, { depth: Infinity, showHidden: true }),
  String: (object) => String(object),
  'console.log': (object) => format(object) + format('%s %o %O %j', object, object, object, object),
  'an error with it': (object) => inspect(new Error('x', { cause: object }), { depth: Infinity }),
  stack: (object) => (object instanceof Error ? `${object.stack ?? ''}${object.message}` : ''),
};

function isDiscreet(name: string, object: unknown, secrets: Readonly<Record<string, string>>): void {
  for (const [way, print] of Object.entries(prints)) {
    const printed = print(object);
    for (const [what, secret] of Object.entries(secrets))
      assert.not.ok(
        printed.includes(secret),
        `${way} of ${name} shows the ${what}:\n${printed.slice(0, 2_000)}`,
      );
  }
}

/** JSON that holds a circle still says what it met on the way. */
function jsonOf(object: unknown): string {
  try {
    return JSON.stringify([object]);
  } catch (error) {
    return inspect(error, { depth: Infinity });
  }
}

/** Goes every way a request can go, and searches all that was written meanwhile. */
async function leavesNoTrace(create: Create, logs: boolean): Promise<void> {
  const written: string[] = [];
  const secrets = new Set([code, token]);
  const stop = tap(written);
  const warn = (warning: Error): void => void written.push(inspect(warning, { depth: Infinity }));
  process.on('warning', warn);
  const log = (line: unknown): void => void written.push(typeof line === 'string' ? line : inspect(line));
  const run = (options: ServerOptions, body: (endpoint: Endpoint) => Promise<void>): Promise<void> =>
    withServer(
      { ...options, logger: logs ? { debug: log, warn: log } : {} },
      async (endpoint) => {
        await body(endpoint);
        // Output of an app that logs everything.
        for (const told of [...endpoint.redirects, ...endpoint.events])
          written.push(jsonOf(told), inspect(told, { depth: Infinity }), format('%s %o', told, told));
      },
      create,
    );
  try {
    await run({ limits: { body: 1_000 }, maxFlows: 20 }, (endpoint) => refuseAll(endpoint, secrets));
    await run({ settle: 5_000 }, (endpoint) => settleAll(endpoint, secrets));
    await run({ unmatched: { holdFor: 60_000, max: 1 } }, holdAll);
    await run({ unmatched: 'accept', cleanUrl: 'redirect', errorWithoutState: 'end-only-flow' }, acceptAll);
    // Warnings are told in a later turn.
    await new Promise(setImmediate);
  } finally {
    stop();
    process.off('warning', warn);
  }
  assert.ok(written.length > 50, `something is written at all: ${written.length}`);
  const all = written.join('\n');
  assert.ok(all.includes('the consumer has failed'), 'what consumers throw is seen');
  for (const secret of secrets) {
    const at = all.indexOf(secret);
    assert.is(at, -1, `${secret} is written: ${all.slice(Math.max(0, at - 500), at + 100)}`);
  }
}

/** Copies what goes to stdout and stderr; returns its undo. */
function tap(written: string[]): () => void {
  const undo = [process.stdout, process.stderr].map((stream) => {
    const own = Object.getOwnPropertyDescriptor(stream, 'write');
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    stream.write = (...args: unknown[]) => {
      written.push(String(args[0]));
      return write(...args);
    };
    return () => {
      if (own) Object.defineProperty(stream, 'write', own);
      else delete (stream as Partial<typeof stream>).write;
    };
  });
  return () => {
    for (const each of undo) each();
  };
}

async function refuseAll({ server, port, visit, send }: Endpoint, secrets: Set<string>): Promise<void> {
  const begin = async (options?: BeginOptions): Promise<Flow> => {
    const flow = await server.begin(options);
    secrets.add(flow.state).add(flow.codeVerifier);
    return flow;
  };
  const flow = await begin({ issuer: 'https://as.example' });
  const { state } = flow;
  server.redirects.subscribe(() => {
    throw new Error('the consumer has failed');
  });
  const good = `/callback?code=${code}&state=${state}`;
  const late = await begin();
  late.cancel();
  const context = await begin({ context: 'other' });
  const posted = await begin({ responseMode: 'form_post' });
  const denied = await begin();
  for (const target of [
    `/callback?code=${code}`,
    `/callback?code=${code}&state=${code}`,
    `/callback?code=${code}&code=${code}&state=${state}`,
    `/callback?code=${code}&state=${state}&state=${state}`,
    `/callback?code=${code}%FF&state=${state}`,
    `/callback?code=${code}%0d%0a${code}&state=${state}`,
    `/callback?error=x%1b&state=${code}`,
    `/callback?error=x&error_description=${code}&state=${code}`,
    `/callback?code=${code.repeat(1_000)}&state=${state}`,
    `/callback?access_token=${token}&state=${state}`,
    `/callback?id_token=${token}&state=${state}`,
    `/callback?response=${token}&state=${state}`,
    `/callback?code=${code}&state=${state}&iss=https://evil.example/${code}`,
    `/callback?code=${code}&state=${posted.state}`,
    `/callback?code=${code}&state=${context.state}`,
    `/callback?code=${code}&state=${late.state}`,
    `/elsewhere/${code}?code=${code}&state=${state}`,
    `//${code}/callback?code=${code}`,
    `http://[::1?code=${code}`,
    `http://evil.example/callback?code=${code}&state=${state}`,
    `/callback?${'x'.repeat(70_000)}&code=${code}`,
  ])
    assert.ok((await visit(target)).status >= 400, target.slice(0, 200));
  for (const headers of [
    { Host: `${code}.example` },
    { 'Sec-Fetch-Dest': 'image' },
    { 'Sec-Purpose': 'prefetch' },
    { Origin: `https://${code}.example` },
    { Expect: code },
  ])
    assert.ok((await visit(good, headers)).status >= 400);
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
  const body = `code=${code}&state=${posted.state}`;
  for (const request of [
    { target: '/callback', headers: { 'Content-Type': 'application/json' }, body },
    { target: '/callback', headers: { ...form, 'Content-Encoding': 'gzip' }, body },
    { target: `/callback?state=${posted.state}`, headers: form, body },
    { target: '/callback', headers: form, body: `${body}&x=${'x'.repeat(1_000)}` },
  ])
    assert.ok((await send({ method: 'POST', ...request })).status >= 400);
  assert.ok((await send({ method: 'PUT', target: good, body })).status >= 400);
  await sendBytes(port, `GET ${good}\0 HTTP/1.1\r\nHost: ${code}\r\n\r\n`);
  await sendBytes(port, `${code} ${state}\r\n\r\n`);
  // And those that are accepted.
  assert.is((await send({ method: 'POST', target: '/callback', headers: form, body })).status, 200);
  assert.is((await visit(`/callback?error=x&code=${code}&state=${denied.state}`)).status, 400);
  assert.is((await visit(`${good}&iss=https://as.example`)).status, 200);
  assert.is((await visit(`${good}&iss=https://as.example`)).status, 400);
  assert.is((await firstValueFrom(flow.response)).code, code);
}

async function settleAll({ server, visit }: Endpoint, secrets: Set<string>): Promise<void> {
  for (const outcome of [{ status: 'success' }, { status: 'failure', message: 'no' }] as const) {
    const flow = await server.begin();
    secrets.add(flow.state).add(flow.codeVerifier);
    const page = visit(`/callback?code=${code}&state=${flow.state}`);
    assert.is((await firstValueFrom(flow.response)).code, code);
    flow.settle(outcome);
    flow.settle(outcome);
    assert.is((await page).status, 200);
  }
  // Left behind, to be ended by close().
  const left = await server.begin();
  secrets.add(left.state);
  left.response.subscribe();
}

async function holdAll({ server, visit }: Endpoint): Promise<void> {
  const held = `${code}-${'0123456789'.repeat(3)}`;
  const first = new Promise((resolve) => server.redirects.subscribe(resolve));
  const page = visit(`/callback?code=${code}&state=${held}`);
  await first;
  assert.is((await visit(`/callback?code=${code}&state=${held}`)).status, 400);
  assert.is((await visit(`/callback?code=${code}&state=${held}2`)).status, 400);
  const flow = await server.begin({ state: held });
  assert.is((await firstValueFrom(flow.response)).code, code);
  assert.is((await page).status, 200);
}

async function acceptAll({ server, visit }: Endpoint): Promise<void> {
  await server.begin();
  assert.is((await visit(`/callback?code=${code}&state=${code}`)).status, 303);
  assert.is((await visit(`/callback?code=${code}&state=${code}`)).status, 400);
  assert.is((await visit(`/callback?error=x&error_description=no&code=${code}`)).status, 303);
}

/** Outcome of a code in the other process, by the name of its state, and the way in which it is sent. */
async function forgets(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'heap-'));
  const child = fork(fileURLToPath(new URL('memory-child.ts', import.meta.url)), {
    execArgv: ['--unhandled-rejections=strict', '--import', import.meta.resolve('tsx')],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const exited = once(child, 'close');
  const told = async <T>(): Promise<T> => {
    const died = exited.then(() => Promise.reject(new Error(`the other process has ended: ${output}`)));
    const message = once(child, 'message').then(([first]) => first as T);
    return assert.deadline(Promise.race([message, died]), 'the other process');
  };
  try {
    const ready = await told<Ready>();
    const codes = await sendCodes(ready);
    const snapshot = join(scratch, 'heap');
    const finished = told<Finished>();
    child.send({ snapshot } satisfies Finish);
    const { taken, streamed } = await finished;
    const heap = readFileSync(snapshot);
    const found = Object.keys(codes).filter((name) => heap.includes(codes[name]!));
    // The flow that was kept keeps its response: the search finds what is there.
    assert.equal(found, ['control']);
    const length = codes['control']!.length;
    assert.is(taken, handedOver.length * length, 'each was handed over once');
    assert.is(
      streamed,
      (handedOver.length + 2) * length,
      'and came by the stream, with those that nobody took',
    );
    for (const secret of Object.values(codes)) assert.not.ok(output.includes(secret));
  } finally {
    child.kill('SIGKILL');
    await exited;
    rmSync(scratch, { recursive: true });
  }
}

const handedOver = ['taken', 'promised', 'posted', 'watched', 'claimed', 'control'];

async function sendCodes({ ports, states: given }: Ready): Promise<Record<string, string>> {
  const states: Record<string, string> = {
    ...given,
    'another issuer': given['pending']!,
    'a reload': given['taken']!,
  };
  const codes: Record<string, string> = {};
  const fresh = (name: string): string => (codes[name] = `canary${randomBytes(16).toString('hex')}`);
  const query = (name: string, more = ''): string =>
    `/callback?code=${fresh(name)}&state=${states[name] ?? states['unknown'] ?? ''}${more}`;
  const plain = (target: string): Promise<HttpAnswer> => visit(ports.plain, target);
  for (const name of ['taken', 'promised', 'watched', 'expired', 'control'])
    assert.is((await plain(query(name))).status, 200, name);
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
  const post = (body: string, headers = form): Promise<HttpAnswer> =>
    send(ports.plain, { method: 'POST', target: '/callback', headers, body });
  assert.is((await post(query('posted').split('?')[1]!)).status, 200);
  assert.is((await plain(query('another issuer', '&iss=https://evil.example'))).status, 400);
  assert.is((await plain(query('a reload'))).status, 400);
  assert.is((await plain(query('unknown'))).status, 400);
  assert.is((await plain(query('another unknown', '&x=1'))).status, 400);
  assert.is((await plain(query('a token', `&access_token=${fresh('the token')}`))).status, 400);
  assert.is((await plain(query('another path').replace('callback', 'elsewhere'))).status, 404);
  assert.is((await post(query('no form').split('?')[1]!, { 'Content-Type': 'text/plain' })).status, 415);
  assert.is((await visit(ports.plain, query('a prefetch'), { 'Sec-Purpose': 'prefetch' })).status, 503);
  assert.is((await sendBytes(ports.plain, `GET /${fresh('no HTTP')}\r\n\r\n`)).status, 400);
  assert.is((await visit(ports.holding, query('claimed'))).status, 200);
  assert.is((await visit(ports.holding, query('never-claimed'))).status, 400);
  assert.is((await visit(ports.accepting, query('accepted'))).status, 200);
  return codes;
}
