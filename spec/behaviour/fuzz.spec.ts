/**
 * Requests of strangers, by the hundred thousand: no crash, no effect on a flow that waits, no secret anywhere.
 *
 * FUZZ_SEED replays a run, FUZZ_SCALE multiplies it. By default it is 0.2; FUZZ_SCALE=1 takes a minute.
 */
import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { readResponse } from '../../src/callback/parameters.ts';
import { CallbackResponse } from '../../src/index.ts';
import { Apart, type FlowApart } from '../helpers/apart.ts';
import { deadline, equal, is, match, ok } from '../helpers/assert.ts';
import { canary, damage, hostileBytes, hostileRequest, render, type Place } from '../helpers/fuzz.ts';
import { sendAll, sendBytes } from '../helpers/fuzz-pipeline.ts';
import {
  handlerWithFlows,
  issuer,
  longest,
  noRequest,
  describeModel,
  readModel,
  requestOf,
  someCase,
  someQuery,
} from '../helpers/fuzz-handler.ts';
import { withAnswer } from '../helpers/handled.ts';
import { send, visit } from '../helpers/http.ts';
import { suite } from '../helpers/suite.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31));
const scale = Number(process.env['FUZZ_SCALE'] ?? 0.2);

const minutes = 60_000;
// Ten times what the process has in use at its start. A thousand bytes left behind by each request would be more.
const mostMemory = 100 * 1024 * 1024;
const batch = 250;
// With CI=true: 100,000 well-framed requests, and 20,000 connections of bytes.
const batches = Math.ceil(400 * scale);
const bundles = Math.ceil(200 * scale);
const bundle = 100;

const test = suite(`fuzzing (FUZZ_SEED=${seed})`);

/** A server process in which flows wait, made anew once one of them has come to harm. */
class Target {
  apart = new Apart();
  places: Place[] = [];
  flows: FlowApart[] = [];
  #ready = false;

  async ready(): Promise<void> {
    if (this.#ready && this.apart.alive) return;
    await this.apart.kill();
    this.apart = new Apart();
    const { apart } = this;
    const issuer = { issuer: 'https://as.example', issuerAdvertised: true };
    const states = ['a', 'b', 'c'].map((name) => `fuzzed-flow-${name}-0123456789`);
    const [plain, everything] = [await apart.serve(), await apart.serve(everyOption)];
    this.flows = [
      await apart.begin({ ...issuer, state: states[0]! }, plain.server),
      await apart.begin({ ...issuer, state: states[1]!, context: 'one' }, everything.server),
      await apart.begin({ ...issuer, state: states[2]!, responseMode: 'form_post' }, everything.server),
    ];
    const path = '/sign-in/callback';
    this.places = [
      // Its second flow is nobody's: this server expects no form.
      place(plain.port, '/callback', '', states[0]!, { path: '/callback', state: states[0]! }),
      place(everything.port, `${path}/one`, 'env=1', states[1]!, { path, state: states[2]! }),
    ];
    this.#ready = true;
  }

  /** Throws if any request that was sent so far has had an effect. */
  async unharmed(answers: Iterable<string>): Promise<void> {
    const { accepted } = await this.apart.report();
    const told = this.flows.map(({ responses, errors }) => ({ responses, errors }));
    this.#ready = false;
    equal(
      told,
      this.flows.map(() => ({ responses: [], errors: [] })),
      'every flow is still pending',
    );
    is(accepted, 0, 'no redirect was accepted');
    for (const text of [this.apart.takeOutput(), ...answers]) {
      const secret = [canary, ...this.flows.map(({ state }) => state)].find((each) => text.includes(each));
      is(secret, undefined, `shown: ${text.slice(0, 2_000)}`);
    }
    this.#ready = true;
  }

  /** The real redirects, at last. */
  async deliver(): Promise<void> {
    const [plain, context, form] = this.flows as [FlowApart, FlowApart, FlowApart];
    const [first, second] = this.places as [Place, Place];
    const fields = (flow: FlowApart) => ({ code: 'real', state: flow.state, iss: 'https://as.example' });
    const query = (flow: FlowApart) => new URLSearchParams(fields(flow)).toString();

    is((await visit(first.port, `${first.path}?${query(plain)}`)).status, 200);
    is((await visit(second.port, `${second.path}?env=1&${query(context)}`)).status, 303);
    const posted = await send(second.port, {
      method: 'POST',
      target: `${second.form.path}?env=1`,
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: query(form),
    });
    is(posted.status, 303);
    for (const flow of this.flows) equal(await deadline(flow.delivered, 'the response'), fields(flow));
    is((await this.apart.report()).accepted, 3);
    is(await this.apart.close(), 'exit code 0, signal null');
  }
}

function place(port: number, path: string, fixed: string, state: string, form: Place['form']): Place {
  return { port, path, fixed, state, form };
}

/** Whatever opens another way through the server. */
const everyOption = {
  callbackPath: '/sign-in/callback?env=1',
  cleanUrl: 'redirect',
  settle: 1,
  unmatched: { holdFor: 1, max: 8 },
  errorWithoutState: 'end-only-flow',
  productName: 'Product',
  limits: { unmatched: 10_000_000, body: 4_096 },
} as const;

const statuses = [200, 204, 303, 400, 403, 404, 405, 408, 413, 415, 417, 421, 429, 431, 503];

test(
  `survives ${batches * batch} hostile requests`,
  () =>
    siege(hostileRequest, batches, batch, async (place, templates) => {
      const requests = templates.map((template) => render(template, place));
      const answers = await sendAll(place.port, requests);
      return answers.map((answer, index) => {
        if (!answer) {
          // Node has no answer for a tunnel, which no browser asks for.
          is(requests[index]!.method, 'CONNECT', 'no answer');
          return '';
        }
        ok(statuses.includes(answer.status), `status ${answer.status}`);
        match(answer.text, /\r\nCache-Control: no-store\r\n/);
        return answer.text;
      });
    }),
  { deadline: 10 * minutes },
);

test(
  `survives ${bundles * bundle} connections of damaged bytes`,
  () =>
    siege(hostileBytes, bundles, bundle, (place, damaged) =>
      Promise.all(damaged.map((each) => sendBytes(place.port, damage(each, place)))),
    ),
  { deadline: 10 * minutes },
);

/**
 * Sends `rounds` of `size` each, now here, now there; after each of them nothing may have happened. `pelt` gives what
 * came back.
 */
async function siege<T>(
  arbitrary: fc.Arbitrary<T>,
  rounds: number,
  size: number,
  pelt: (place: Place, shots: readonly T[]) => Promise<string[]>,
): Promise<void> {
  const target = new Target();
  const seen = new Set<string>();
  const fire = async (round: number, shots: readonly T[]): Promise<void> => {
    await target.ready();
    const answers = new Set(await pelt(target.places[round % 2]!, shots));
    await target.unharmed([...answers].filter((text) => !seen.has(text)));
    for (const text of answers) seen.add(text);
  };
  try {
    for (let round = 0; round < rounds; round++) {
      const shots = fc.sample(arbitrary, { seed: seed + round, numRuns: size });
      await fire(round, shots).catch((error: unknown) =>
        culprit(error, shots, (shot) => fire(round, [shot])),
      );
    }
    await target.ready();
    const memory = await target.apart.memory();
    ok(memory < mostMemory, `${memory} bytes of heap are in use`);
    await target.deliver();
  } finally {
    await target.apart.kill();
  }
}

/** Fires them again one by one, to say which it was. */
async function culprit<T>(
  cause: unknown,
  shots: readonly T[],
  fire: (shot: T) => Promise<void>,
): Promise<never> {
  for (const shot of shots) {
    await fire(shot).catch((error: unknown) => {
      throw new Error(`FUZZ_SEED=${seed}: ${String(error)}\nby ${JSON.stringify(shot)}`, { cause });
    });
  }
  throw new Error(`FUZZ_SEED=${seed}: ${String(cause)}\nby several together`, { cause });
}

// With CI=true, 300,000 more without a socket.
const cases = Math.ceil(100_000 * scale);

test(`readResponse agrees with another reading of ${cases} queries`, () => {
  for (const encoded of fc.sample(someQuery, { seed, numRuns: cases })) {
    const { fields: all, reason } = readResponse(encoded, { parameter: longest, parameters: 50 });
    const fields = new CallbackResponse(all).toDict();
    const why = `FUZZ_SEED=${seed}: ${JSON.stringify(encoded)} as ${reason ?? JSON.stringify(fields)}`;
    const expected = readModel(encoded, longest);
    is(reason === undefined, expected !== undefined, why);
    if (expected && fields.error === undefined) equal(fields, expected, why);
    if (expected && fields.error !== undefined)
      is(fields.error_description, describeModel(encoded, longest), why);
    ok(!('code' in fields && 'error' in fields), why);
    const { error = '', error_description = '', error_uri = '', state = '' } = fields;
    match(error, /^[ !#-[\]-~]*$/, why);
    match(error_description, /^[^\p{Cc}\p{Cf}\p{Cs}]*$/u, why);
    ok(error_description.length <= longest && error_uri.length <= longest, why);
    match(error_uri + state, /^[ -~]*$/, why);
  }
});

test(`the handler accepts ${cases} good redirects, and no others`, () => {
  const { handler, flows } = handlerWithFlows();
  for (const each of fc.sample(someCase, { seed, numRuns: cases })) {
    const flow = flows.begin({ issuer, issuerAdvertised: true, responseMode: each.mode });
    const { redirect, flow: found, answer } = withAnswer(handler.handle(requestOf(each, flow)));
    const why = `FUZZ_SEED=${seed}: ${JSON.stringify(each)} is ${redirect?.reason ?? redirect?.disposition ?? ''}`;
    is(redirect?.disposition === 'accepted', each.accepted, why);
    is(found, each.accepted ? flow : undefined, why);
    is(redirect?.response.code, each.accepted && each.kind === 'code' ? 'c0de' : undefined, why);
    ok(answer.status >= 200 && answer.headers.length % 2 === 0, why);
    // An accepted one is consumed already, and nothing but its delivery is left.
    is(flow.pending, !each.accepted, why);
    flow.response.subscribe({ error: () => undefined });
    if (each.accepted) flows.deliver(flow);
    else flow.cancel();
    is(flows.size, 0, why);
  }
});

test(`the handler survives ${cases} requests of random values`, () => {
  const { handler, flows } = handlerWithFlows();
  const flow = flows.begin({ issuer, responseMode: 'form_post' });
  flows.begin({ issuer });
  for (const request of fc.sample(noRequest, { seed, numRuns: cases })) {
    const { answer, redirect, flow: found } = withAnswer(handler.handle(request));
    const why = `FUZZ_SEED=${seed}: ${JSON.stringify(request)}`;
    ok(statuses.includes(answer.status) && redirect?.disposition !== 'accepted' && !found, why);
    handler.concerns(request);
    is(flows.size, 2, why);
  }
  ok(flow.pending);
  equal(Object.keys(Object.prototype), []);
});

test.run();
