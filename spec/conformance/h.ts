import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, inspect } from 'node:util';
import { firstValueFrom, VirtualTimeScheduler } from 'rxjs';
import {
  AuthorizationError,
  CallbackResponse,
  OAuthCallbackResult,
  ofState,
  orThrow,
  TooManyFlowsError,
  type BeginOptions,
  type Flow,
  type ServerOptions,
} from '../../src/index.ts';
import { deadline, equal, instance, is, not, ok, rejects, throws } from '../helpers/assert.ts';
import { observe, withServer, type Create, type Endpoint } from '../helpers/endpoint.ts';
import { navigation, send, sendRaw, visit, type WireAnswer } from '../helpers/wire.ts';
import type { Finish, Finished, Ready } from './memory-child.ts';
import type { Row } from './row.ts';

export const rows: readonly Row[] = [
  {
    id: 'H-01',
    title:
      'writes no code, whole state, verifier, token or body anywhere, with a logger that takes everything',
    check: (create) => leavesNoTrace(create, true),
  },
  {
    id: 'H-01',
    title: 'writes no code, whole state, verifier, token or body anywhere, without a logger',
    check: (create) => leavesNoTrace(create, false),
  },
  {
    id: 'H-02',
    title: 'prints responses, redirects, flows, servers and results without code and whole state',
    check: (create) => {
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
          // What is asked for by name is there.
          equal(response.toDict(), { code, state, iss: 'https://as.example' });
          is(redirects[0]?.response.code, code);
          equal([resultContainer.code, resultContainer.state], [code, state]);
          equal([flow.state, flow.codeVerifier], [state, codeVerifier]);
        },
        create,
      );
    },
  },
  {
    id: 'H-02',
    title: 'prints errors, with their causes, without code, whole state and the URL of a request',
    check: async (create) => {
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
          errors['state in use'] = await rejects(server.begin({ state: closed.state }));
          errors['state used up'] = await rejects(server.begin({ state: denied.state }));
          errors['weak state'] = await rejects(server.begin({ state: weak }));
          errors['wrong context'] = await rejects(server.begin({ context: '../' }));
          const contradicted = { state: 'another', code_challenge: 'another' };
          errors['contradiction'] = throws(() => closed.authorizationUrl('https://as.example', contradicted));
          const [broken, scheme] = [`http://[::1/?code=${code}`, `javascript:${code}`];
          errors['broken endpoint'] = throws(() => closed.authorizationUrl(broken), 'invalid_option');
          errors['wrong scheme'] = throws(() => closed.authorizationUrl(scheme), 'invalid_option');
          for (let index = 0; index < 3; index++) await begin(`too many ${index}`);
          errors['too many'] = await rejects(server.begin(), 'too_many_flows');
        },
        create,
      );
      is(Object.keys(errors).length, 15);
      for (const [name, error] of Object.entries(errors)) {
        ok(error instanceof Error && 'code' in error, name);
        for (const { state, codeVerifier } of flows)
          isDiscreet(name, error, { code, weak, state, codeVerifier });
      }
      const denied = errors['denied'];
      instance(denied, AuthorizationError);
      is((denied as AuthorizationError).state, flows[0]?.state);
    },
  },
  {
    id: 'H-03',
    title: 'has no code in its memory once it is handed over, refused or expired',
    deadline: 60_000,
    // In a process of its own: this one knows the codes.
    check: () => forgets(),
  },
  {
    id: 'H-04',
    title: 'refuses a flow too many, and completes those that wait',
    check: (create) =>
      withServer(
        { maxFlows: 50 },
        async (endpoint) => {
          const { server, events } = endpoint;
          const flows: Flow[] = [];
          for (let index = 0; index < 50; index++) flows.push(await server.begin());
          const outcomes = flows.map(observe);
          for (let index = 0; index < 100; index++)
            is((await rejects(server.begin())) instanceof TooManyFlowsError, true);
          // Waiting by state alone takes a place too.
          const refused: unknown[] = [];
          const other = server.redirects.pipe(ofState('0123456789-'.repeat(4)));
          other.subscribe({ error: (error: unknown) => refused.push(error) });
          is(refused.length, 1);
          for (const [index, flow] of flows.entries())
            is((await endpoint.visit(`/callback?code=c${index}&state=${flow.state}`)).status, 200);
          equal(
            outcomes.map(({ responses }) => responses[0]?.code),
            flows.map((_, index) => `c${index}`),
          );
          equal(
            events.filter(({ type }) => type === 'expired' || type === 'cancelled'),
            [],
          );
          await server.begin();
        },
        create,
      ),
  },
  {
    id: 'H-04',
    title: 'counts results that nobody has taken, and drops none of them',
    check: async (create) => {
      const scheduler = new VirtualTimeScheduler();
      await withServer(
        { maxFlows: 3, scheduler, flowTtl: 1_000 },
        async ({ server, visit }) => {
          const flows = [await server.begin(), await server.begin(), await server.begin({ ttl: 2_000 })];
          for (const [index, { state }] of flows.entries())
            is((await visit(`/callback?code=c${index}&state=${state}`)).status, 200);
          await rejects(server.begin(), 'too_many_flows');
          is((await firstValueFrom(flows[0]!.response)).code, 'c0');
          // Taken, and its place with it.
          const next = await server.begin({ ttl: 2_000 });
          await rejects(server.begin(), 'too_many_flows');
          scheduler.maxFrames = 1_000;
          scheduler.flush();
          await rejects(firstValueFrom(flows[1]!.response), 'expired');
          const last = await server.begin();
          await rejects(server.begin(), 'too_many_flows');
          is((await firstValueFrom(flows[2]!.response)).code, 'c2');
          for (const flow of [next, last]) {
            await visit(`/callback?code=real&state=${flow.state}`);
            is((await firstValueFrom(flow.response)).code, 'real');
          }
        },
        create,
      );
    },
  },
  {
    id: 'H-04',
    title: 'refuses a parameter or body that is too long to keep',
    check: (create) =>
      withServer(
        { limits: { parameter: 100, body: 1_000 } },
        async (endpoint) => {
          const { server, visit, send } = endpoint;
          const flow = await server.begin();
          const posted = await server.begin({ responseMode: 'form_post' });
          const outcomes = [flow, posted].map(observe);
          const long = 'x'.repeat(101);
          for (const query of [
            `code=${long}`,
            `code=c&iss=${long}`,
            `error=${long}`,
            `error=e&error_description=${long}`,
            `error=e&error_uri=${long}`,
          ])
            is((await visit(`/callback?${query}&state=${flow.state}`)).status, 400);
          const post = (body: string): Promise<WireAnswer> =>
            send({
              method: 'POST',
              target: '/callback',
              headers: { ...navigation, 'Content-Type': 'application/x-www-form-urlencoded' },
              body,
            });
          is((await post(`code=c&state=${posted.state}&x=${'x'.repeat(1_000)}`)).status, 413);
          is((await post(`code=${long}&state=${posted.state}`)).status, 400);
          await visit(`/callback?code=real&state=${flow.state}`);
          await post(`code=real&state=${posted.state}`);
          equal(
            outcomes.map(({ responses }) => responses.map((response) => response.code)),
            [['real'], ['real']],
          );
        },
        create,
      ),
  },
];

const code = 'canary-code-6f1d0c9b7a';
const token = 'canary-token-2e8b4d6f1c';

type Print = (object: unknown) => string;

/** The ways in which a program prints an object, by accident or not. */
const prints: Readonly<Record<string, Print>> = {
  'JSON.stringify': json,
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
      not.ok(printed.includes(secret), `${way} of ${name} shows the ${what}:\n${printed.slice(0, 2_000)}`);
  }
}

/** JSON that holds a circle still says what it met on the way. */
function json(object: unknown): string {
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
        // What an app that logs everything would print.
        for (const told of [...endpoint.redirects, ...endpoint.events])
          written.push(json(told), inspect(told, { depth: Infinity }), format('%s %o', told, told));
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
  ok(written.length > 50, `something is written at all: ${written.length}`);
  const all = written.join('\n');
  ok(all.includes('the consumer has failed'), 'what consumers throw is seen');
  for (const secret of secrets) {
    const at = all.indexOf(secret);
    is(at, -1, `${secret} is written: ${all.slice(Math.max(0, at - 500), at + 100)}`);
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
    `/callback?${'x'.repeat(20_000)}&code=${code}`,
  ])
    ok((await visit(target)).status >= 400, target.slice(0, 200));
  for (const headers of [
    { Host: `${code}.example` },
    { 'Sec-Fetch-Dest': 'image' },
    { 'Sec-Purpose': 'prefetch' },
    { Origin: `https://${code}.example` },
    { Expect: code },
  ])
    ok((await visit(good, headers)).status >= 400);
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
  const body = `code=${code}&state=${posted.state}`;
  for (const request of [
    { target: '/callback', headers: { 'Content-Type': 'application/json' }, body },
    { target: '/callback', headers: { ...form, 'Content-Encoding': 'gzip' }, body },
    { target: `/callback?state=${posted.state}`, headers: form, body },
    { target: '/callback', headers: form, body: `${body}&x=${'x'.repeat(1_000)}` },
  ])
    ok((await send({ method: 'POST', ...request })).status >= 400);
  ok((await send({ method: 'PUT', target: good, body })).status >= 400);
  await sendRaw(port, `GET ${good}\0 HTTP/1.1\r\nHost: ${code}\r\n\r\n`);
  await sendRaw(port, `${code} ${state}\r\n\r\n`);
  // And those that are accepted.
  is((await send({ method: 'POST', target: '/callback', headers: form, body })).status, 200);
  is((await visit(`/callback?error=x&code=${code}&state=${denied.state}`)).status, 400);
  is((await visit(`${good}&iss=https://as.example`)).status, 200);
  is((await visit(`${good}&iss=https://as.example`)).status, 400);
  is((await firstValueFrom(flow.response)).code, code);
}

async function settleAll({ server, visit }: Endpoint, secrets: Set<string>): Promise<void> {
  for (const outcome of [{ status: 'success' }, { status: 'failure', message: 'no' }] as const) {
    const flow = await server.begin();
    secrets.add(flow.state).add(flow.codeVerifier);
    const page = visit(`/callback?code=${code}&state=${flow.state}`);
    is((await firstValueFrom(flow.response)).code, code);
    flow.settle(outcome);
    flow.settle(outcome);
    is((await page).status, 200);
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
  is((await visit(`/callback?code=${code}&state=${held}`)).status, 400);
  is((await visit(`/callback?code=${code}&state=${held}2`)).status, 400);
  const flow = await server.begin({ state: held });
  is((await firstValueFrom(flow.response)).code, code);
  is((await page).status, 200);
}

async function acceptAll({ server, visit }: Endpoint): Promise<void> {
  await server.begin();
  is((await visit(`/callback?code=${code}&state=${code}`)).status, 303);
  is((await visit(`/callback?code=${code}&state=${code}`)).status, 400);
  is((await visit(`/callback?error=x&error_description=no&code=${code}`)).status, 303);
}

/** What becomes of a code in the other process, by the name of the state it comes with; and how it is sent. */
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
    return deadline(Promise.race([message, died]), 40_000, 'the other process');
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
    equal(found, ['control']);
    const length = codes['control']!.length;
    is(taken, handedOver.length * length, 'each was handed over once');
    is(streamed, (handedOver.length + 2) * length, 'and came by the stream, with those that nobody took');
    for (const secret of Object.values(codes)) not.ok(output.includes(secret));
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
  const plain = (target: string): Promise<WireAnswer> => visit(ports.plain, target);
  for (const name of ['taken', 'promised', 'watched', 'expired', 'control'])
    is((await plain(query(name))).status, 200, name);
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
  const post = (body: string, headers = form): Promise<WireAnswer> =>
    send(ports.plain, { method: 'POST', target: '/callback', headers, body });
  is((await post(query('posted').split('?')[1]!)).status, 200);
  is((await plain(query('another issuer', '&iss=https://evil.example'))).status, 400);
  is((await plain(query('a reload'))).status, 400);
  is((await plain(query('unknown'))).status, 400);
  is((await plain(query('another unknown', '&x=1'))).status, 400);
  is((await plain(query('a token', `&access_token=${fresh('the token')}`))).status, 400);
  is((await plain(query('another path').replace('callback', 'elsewhere'))).status, 404);
  is((await post(query('no form').split('?')[1]!, { 'Content-Type': 'text/plain' })).status, 415);
  is((await visit(ports.plain, query('a prefetch'), { 'Sec-Purpose': 'prefetch' })).status, 503);
  is((await sendRaw(ports.plain, `GET /${fresh('no HTTP')}\r\n\r\n`)).status, 400);
  is((await visit(ports.holding, query('claimed'))).status, 200);
  is((await visit(ports.holding, query('never-claimed'))).status, 400);
  is((await visit(ports.accepting, query('accepted'))).status, 200);
  return codes;
}
