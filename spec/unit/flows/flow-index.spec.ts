import fc from 'fast-check';
import { getEventListeners } from 'node:events';
import type { Subscription } from 'rxjs';
import {
  FlowCancelledError,
  FlowExpiredError,
  InvalidOptionError,
  ServerClosedError,
  StateInUseError,
  TooManyFlowsError,
  ofState,
  type CallbackResponse,
  type Disposition,
} from '../../../src/index.ts';
import type { PendingFlow } from '../../../src/flows/pending-flow.ts';
import * as assert from '../../helpers/assert.ts';
import { arrival, redirectUri, flowsBench, type FlowsBench } from '../../helpers/flows.ts';
import { record } from '../../helpers/record.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('Flows');

test('B-01 makes states of 43 base64url characters, 100,000 of them distinct', () => {
  const { flows } = flowsBench();
  const states = new Set(Array.from({ length: 100_000 }, () => flows.begin().state));
  assert.is(states.size, 100_000);
  for (const state of states) if (!/^[\w-]{43}$/.test(state)) assert.unreachable(state);
});

for (const weak of [
  '',
  '1234',
  'x'.repeat(21),
  'a'.repeat(40),
  'abcabcabcabcabcabcabcabcabc',
  `${newState()}\n`,
  `${newState()}é`,
  `${newState()}\x7f`,
  'ab'.repeat(300),
]) {
  test(`B-01 refuses ${JSON.stringify(weak.slice(0, 40))} for a state`, () => {
    const { flows } = flowsBench();
    const error = assert.throws(() => flows.begin({ state: weak }), InvalidOptionError);
    assert.instance(error, TypeError);
    assert.is(error.option, 'state');
    assert.is(flows.size, 0);
    if (weak.length > 4) assert.not.match(error.message, weak);
  });
}

test('B-01 takes a strong state of the caller', () => {
  const { flows, answer } = flowsBench();
  const state = 'Zm9vYmFyYmF6cXV4 with spaces~!';
  assert.is(flows.begin({ state }).state, state);
  assert.is(answer(state), 'accepted');
});

test('B-02 changes no flow for an unknown state', () => {
  const { flows, answer } = flowsBench();
  const flow = flows.begin();
  const response = record(flow.response);
  for (let count = 0; count < 1_000; count++) assert.is(answer(newState()), 'unmatched');
  for (const near of [flow.state.slice(1), `${flow.state}=`, flow.state.toLowerCase(), `${flow.state} `]) {
    assert.is(answer(near), 'unmatched');
  }
  assert.equal([flows.size, response.values.length, response.ending], [1, 0, undefined]);
  assert.is(answer(flow.state), 'accepted');
});

test('B-07 rejects a state with a single character changed', () => {
  const { flows, answer } = flowsBench();
  const { state } = flows.begin();
  for (let place = 0; place < state.length; place++) {
    const other = state[place] === 'A' ? 'B' : 'A';
    assert.is(answer(state.slice(0, place) + other + state.slice(place + 1)), 'unmatched');
  }
  assert.is(answer(state), 'accepted');
});

for (const [what, fields] of [
  ['a code', { code: 'a' }],
  ['an error', { error: 'access_denied' }],
] as const) {
  test(`B-04 accepts a state once, with ${what}`, () => {
    const { flows, answer } = flowsBench();
    const flow = flows.begin();
    const response = record(flow.response);
    assert.is(answer(flow.state, fields), 'accepted');
    assert.is(answer(flow.state, fields), 'duplicate');
    assert.is(answer(flow.state, { code: 'another' }), 'duplicate');
    assert.equal([response.values.length, flows.size], [1, 0]);
  });
}

test('B-04 accepts a state once, even before its response has a subscriber', () => {
  const { flows, answer } = flowsBench();
  const flow = flows.begin();
  assert.equal([answer(flow.state, { code: 'first' }), answer(flow.state)], ['accepted', 'duplicate']);
  assert.is(record(flow.response).values[0]?.code, 'first');
});

test('B-06 ends a flow after ten minutes, and calls later redirects late', () => {
  const { flows, time, answer } = flowsBench();
  const flow = flows.begin();
  time.advance(10 * 60 * 1_000);
  assert.is(flows.size, 0);
  assert.is(answer(flow.state), 'late');
  assert.equal([flows.size, time.scheduler.actions.length], [0, 0]);
});

test('B-06 ends each flow after its own ttl', () => {
  const { flows, time } = flowsBench();
  for (const ttl of [3_000, 1_000, 2_000]) flows.begin({ ttl });
  const sizes = [500, 500, 1_000, 1_000].map((ms) => {
    time.advance(ms);
    return flows.size;
  });
  assert.equal(sizes, [3, 2, 1, 0]);
});

for (const ttl of [0, -1, 1.5, NaN, Infinity, 86_400_001, '5' as unknown as number]) {
  test(`refuses a ttl of ${String(ttl)}`, () => {
    const { flows } = flowsBench();
    const error = assert.throws(() => flows.begin({ ttl }), InvalidOptionError);
    assert.is(error.option, 'ttl');
    assert.match(error.message, String(ttl));
    assert.is(flows.size, 0);
  });
}

test('B-09 refuses a state that is pending, and leaves it to the first', () => {
  const { flows, answer } = flowsBench();
  const state = newState();
  const first = record(flows.begin({ state }).response);
  const error = assert.throws(() => flows.begin({ state }), StateInUseError);
  assert.not.match(error.message, state);
  answer(state, { code: 'a' });
  assert.equal([first.values.length, first.ending], [1, { completed: true }]);
});

test('B-09 a state that ofState waits for can be begun once, and both get the response', () => {
  const { flows, redirects, answer } = flowsBench();
  const state = newState();
  const watched = record(redirects.pipe(ofState(state)));
  const flow = flows.begin({ state, ttl: 1_000 });
  assert.is(flow.redirectUri, redirectUri);
  assert.is(flows.size, 1);
  assert.throws(() => flows.begin({ state }), StateInUseError);
  const own = record(flow.response);
  assert.is(answer(state), 'accepted');
  assert.equal([watched.values.length, own.values.length], [1, 1]);
});

const endings: readonly (readonly [string, (bench: FlowsBench, flow: PendingFlow) => void])[] = [
  ['was answered', ({ answer }, { state }) => void answer(state)],
  ['was cancelled', (_, flow) => flow.cancel()],
  ['has expired', ({ time }) => time.advance(600_000)],
  [
    'ended with the server',
    ({ flows }) => {
      flows.close();
      flows.open();
    },
  ],
];
for (const [how, end] of endings) {
  test(`B-09 refuses a state whose flow ${how}`, () => {
    const bench = flowsBench();
    const state = newState();
    const flow = bench.flows.begin({ state });
    flow.response.subscribe({ error: () => undefined });
    end(bench, flow);
    assert.is(bench.flows.size, 0);
    assert.throws(() => bench.flows.begin({ state }), StateInUseError);
  });
}

test('remembers at least the last 5,000 states that ended, and a bounded number of them', () => {
  const { flows, answer } = flowsBench();
  const states = Array.from({ length: 20_000 }, newState);
  for (const state of states) flows.begin({ state }).cancel();
  assert.ok(states.slice(-5_000).every((state) => flows.match({ state }, arrival).disposition === 'late'));
  const remembered = states.filter((state) => answer(state) === 'late').length;
  assert.ok(remembered <= 10_000, `${remembered} are remembered`);
});

test('H-04 refuses to begin more than maxFlows, and disturbs none of them', () => {
  const { flows, answer } = flowsBench({ maxFlows: 3 });
  const begun = [1, 2, 3].map(() => flows.begin());
  const responses = begun.map((flow) => record(flow.response));
  const error = assert.throws(() => flows.begin(), TooManyFlowsError);
  assert.match(error.message, 'maxFlows (3)');
  for (const { state } of begun) assert.is(answer(state), 'accepted');
  assert.ok(responses.every(({ values, ending }) => values.length === 1 && ending));
  assert.is(flows.begin().pending, true);
});

test('H-04 counts a response without a subscriber, and a state that ofState waits for', () => {
  const { flows, answer, redirects } = flowsBench({ maxFlows: 2 });
  answer(flows.begin().state);
  record(redirects.pipe(ofState(newState())));
  assert.throws(() => flows.begin(), TooManyFlowsError);
  const { ending } = record(redirects.pipe(ofState(newState())));
  assert.instance((ending as { error: unknown }).error, TooManyFlowsError);
});

test('begins no flow with a signal that is already aborted', () => {
  const { flows } = flowsBench();
  const reason = new Error('too late');
  const error = assert.throws(
    () => flows.begin({ signal: AbortSignal.abort(reason), key: 'k' }),
    FlowCancelledError,
  );
  assert.is(error.cause, reason);
  assert.is(flows.size, 0);
  assert.is(flows.begin({ key: 'k' }).pending, true);
});

test('cancels a flow when its signal aborts, and no other', () => {
  const { flows } = flowsBench();
  const controller = new AbortController();
  const flow = flows.begin({ signal: controller.signal });
  const [response, other] = [record(flow.response), record(flows.begin().response)];
  const reason = new Error('closed the window');
  controller.abort(reason);
  const { error } = response.ending as { error: FlowCancelledError };
  assert.instance(error, FlowCancelledError);
  assert.is(error.cause, reason);
  assert.equal([flows.size, other.ending], [1, undefined]);
});

for (const [how, end] of endings) {
  test(`stops listening to its signal when the flow ${how}`, () => {
    const bench = flowsBench();
    const { signal } = new AbortController();
    const flow = bench.flows.begin({ signal });
    assert.is(getEventListeners(signal, 'abort').length, 1);
    end(bench, flow);
    assert.is(getEventListeners(signal, 'abort').length, 0);
  });
}

test('joins the flow in progress that has the same key, and ignores the other options', () => {
  const { flows } = flowsBench();
  const first = flows.begin({ key: 'github' });
  assert.is(flows.begin({ key: 'github', state: newState(), ttl: 5 }), first);
  assert.is.not(flows.begin({ key: 'gitlab' }), first);
  assert.is.not(flows.begin(), first);
  assert.is(flows.size, 3);
});

for (const [how, end] of endings) {
  test(`frees its key when the flow ${how}`, () => {
    const bench = flowsBench();
    const first = bench.flows.begin({ key: 'github' });
    end(bench, first);
    const second = bench.flows.begin({ key: 'github' });
    assert.is.not(second, first);
    first.cancel();
    assert.is(bench.flows.begin({ key: 'github' }), second);
  });
}

test('begins nothing while the server closes', () => {
  const { flows } = flowsBench();
  let error: unknown;
  flows.begin().response.subscribe({
    error: () => {
      try {
        flows.begin();
      } catch (thrown) {
        error = thrown;
      }
    },
  });
  flows.close();
  assert.instance(error, ServerClosedError);
  assert.is(flows.size, 0);
  flows.open();
  assert.is(flows.begin().pending, true);
});

test('reports every begin and end as an event', () => {
  const { flows, time, events } = flowsBench();
  time.advance(1_000);
  const [cancelled, expired, closed] = [flows.begin(), flows.begin({ ttl: 500 }), flows.begin()];
  cancelled.cancel();
  time.advance(500);
  flows.close();
  assert.equal(events, [
    { type: 'begun', at: 1_000, flowId: cancelled.id, expiresAt: 601_000 },
    { type: 'begun', at: 1_000, flowId: expired.id, expiresAt: 1_500 },
    { type: 'begun', at: 1_000, flowId: closed.id, expiresAt: 601_000 },
    { type: 'cancelled', at: 1_000, flowId: cancelled.id, reason: 'cancelled' },
    { type: 'expired', at: 1_500, flowId: expired.id },
    { type: 'cancelled', at: 1_500, flowId: closed.id, reason: 'closed' },
  ]);
});

test.run();

/* The same index under any order of calls, next to a model of what must become of each flow. */

type Status = 'pending' | 'kept' | 'answered' | 'expired' | 'cancelled' | 'closed' | 'abandoned';

interface ModelFlow {
  readonly state: string;
  deadline: number;
  key: string | undefined;
  status: Status;
  code: string | undefined;
  /** Subscriptions that still wait. */
  readonly waiting: Set<Expected>;
}

/** Values and ending that a subscription must have seen by now. */
interface Expected {
  readonly flow: ModelFlow | undefined;
  codes: string[];
  ending: 'completed' | 'expired' | 'cancelled' | 'closed' | 'too many' | undefined;
  /** True for ofState, with which a flow that ends without a response completes empty. */
  readonly byState: boolean;
}

interface Model {
  now: number;
  readonly flows: ModelFlow[];
  readonly ended: Map<string, Disposition>;
  readonly expected: Expected[];
}

interface Real {
  readonly bench: FlowsBench;
  /** In step with the model's; undefined for one that only ofState knows. */
  readonly handles: (PendingFlow | undefined)[];
  readonly controllers: (AbortController | undefined)[];
  readonly recordings: { values: CallbackResponse[]; endings: unknown[]; subscription: Subscription }[];
  readonly accepted: Map<string, number>;
  codes: number;
}

const maxFlows = 5;
const pool = Array.from({ length: 4 }, newState);
const live = ({ flows }: Model): ModelFlow[] =>
  flows.filter(({ status }) => status === 'pending' || status === 'kept');
const liveAs = (model: Model, state: string) => live(model).find((flow) => flow.state === state);

/** Cases seen over all runs: they show that the property has met each of them. */
const seen = new Map<string, number>();
const see = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1);

function finish(model: Model, flow: ModelFlow, status: 'expired' | 'cancelled' | 'closed'): void {
  see(flow.status === 'kept' ? `a kept response wiped: ${status}` : status);
  if (flow.status === 'pending') model.ended.set(flow.state, 'late');
  flow.status = status;
  flow.code = undefined;
  for (const waiting of flow.waiting) waiting.ending = waiting.byState ? 'completed' : status;
  flow.waiting.clear();
}

function subscribe(model: Model, flow: ModelFlow, byState: boolean): Expected {
  const expected: Expected = { flow, codes: [], ending: undefined, byState };
  if (flow.status === 'kept' || flow.status === 'answered') {
    if (model.now >= flow.deadline) flow.status = 'expired';
    else {
      see(flow.status === 'kept' ? 'a kept response taken' : 'a response replayed');
      flow.status = 'answered';
      expected.codes = [flow.code!];
      expected.ending = 'completed';
      return expected;
    }
  }
  if (flow.status === 'pending') flow.waiting.add(expected);
  else expected.ending = byState ? 'completed' : (flow.status as 'expired' | 'cancelled' | 'closed');
  return expected;
}

function observe(real: Real, model: Model, expected: Expected, stream: PendingFlow['response']): void {
  const recording = { values: [] as CallbackResponse[], endings: [] as unknown[] };
  const subscription = stream.subscribe({
    next: (value) => recording.values.push(value),
    error: (error: unknown) => recording.endings.push(error),
    complete: () => recording.endings.push('completed'),
  });
  real.recordings.push({ ...recording, subscription });
  model.expected.push(expected);
}

const endingOf = (endings: readonly unknown[]): Expected['ending'] => {
  const [ending] = endings;
  if (ending === undefined || ending === 'completed') return ending;
  if (ending instanceof FlowExpiredError) return 'expired';
  if (ending instanceof FlowCancelledError) return 'cancelled';
  if (ending instanceof ServerClosedError) return 'closed';
  if (ending instanceof TooManyFlowsError) return 'too many';
  throw new Error('an ending that nobody has made', { cause: ending });
};

/** After every step. */
function check(model: Model, { bench, handles, recordings, accepted }: Real): void {
  assert.is(bench.flows.size, live(model).length, 'the index holds the live flows and no other');
  assert.ok(bench.time.scheduler.actions.length <= 1, 'one timer at most');
  assert.equal(bench.reported, []);
  for (const [index, { values, endings }] of recordings.entries()) {
    const { flow, codes, ending } = model.expected[index]!;
    assert.equal(
      values.map(({ code }) => code),
      codes,
    );
    assert.ok(
      values.every(({ state }) => state === flow?.state),
      "no flow gets another's response",
    );
    assert.ok(endings.length <= 1, 'no subscription ends twice');
    assert.is(endingOf(endings), ending);
  }
  const terminals = new Map(accepted);
  for (const event of bench.events) {
    if (event.type !== 'expired' && event.type !== 'cancelled') continue;
    terminals.set(event.flowId, (terminals.get(event.flowId) ?? 0) + 1);
  }
  for (const [index, { status }] of model.flows.entries()) {
    // Ids count from 1 in the order of beginning.
    const times = terminals.get(String(index + 1)) ?? 0;
    assert.is(times, status === 'pending' ? 0 : 1, `a flow that is ${status} has ended ${times} times`);
    const handle = handles[index];
    if (handle) assert.is(handle.pending, status === 'pending');
  }
}

type Command = fc.Command<Model, Real>;

const command = (name: string, run: (model: Model, real: Real) => void): Command => ({
  check: () => true,
  run(model, real) {
    run(model, real);
    check(model, real);
  },
  toString: () => name,
});

const nth = <T>(list: readonly T[], index: number): T | undefined =>
  list.length > 0 ? list[index % list.length] : undefined;

const begin = (own: number | undefined, key: string | undefined, ttl: number, signal: boolean): Command =>
  command(`begin(state ${own}, key ${key}, ttl ${ttl}, signal ${signal})`, (model, real) => {
    const state = own === undefined ? undefined : pool[own]!;
    const controller = signal ? new AbortController() : undefined;
    const start = () =>
      real.bench.flows.begin({
        ttl,
        ...(state !== undefined && { state }),
        ...(key !== undefined && { key }),
        ...(controller && { signal: controller.signal }),
      });
    const joined =
      key === undefined
        ? undefined
        : model.flows.findIndex((flow) => flow.key === key && flow.status === 'pending');
    if (joined !== undefined && joined >= 0) {
      see('a key joined');
      assert.is(start(), real.handles[joined]);
      return;
    }
    const watched = state === undefined ? undefined : liveAs(model, state);
    if (watched?.status === 'pending' && watched.deadline === Infinity) {
      see('a watched state begun');
      const index = model.flows.indexOf(watched);
      real.handles[index] = start();
      real.controllers[index] = controller;
      Object.assign(watched, { deadline: model.now + ttl, key });
      return;
    }
    if (state !== undefined && (liveAs(model, state) || model.ended.has(state))) {
      see('a state in use');
      assert.throws(start, StateInUseError);
      return;
    }
    if (live(model).length >= maxFlows) {
      see('too many flows');
      assert.throws(start, TooManyFlowsError);
      return;
    }
    const flow = start();
    real.handles.push(flow);
    real.controllers.push(controller);
    model.flows.push({
      state: flow.state,
      deadline: model.now + ttl,
      key,
      status: 'pending',
      code: undefined,
      waiting: new Set(),
    });
  });

type Addressee = 'a live flow' | 'any flow' | 'nobody';

const answer = (which: number, to: Addressee): Command =>
  command(`redirect to ${to} (${which})`, (model, real) => {
    const flows = { 'a live flow': live(model), 'any flow': model.flows, nobody: [] }[to];
    const state = nth(flows, which)?.state ?? newState();
    const code = `code-${++real.codes}`;
    // A state that was abandoned may have been begun again.
    const flow = liveAs(model, state);
    const pending = flow?.status === 'pending' ? flow : undefined;
    const disposition = pending ? 'accepted' : (model.ended.get(state) ?? 'unmatched');
    see(disposition);
    assert.is(real.bench.answer(state, { code }), disposition);
    if (!pending) return;
    const id = String(model.flows.indexOf(pending) + 1);
    real.accepted.set(id, (real.accepted.get(id) ?? 0) + 1);
    model.ended.set(state, 'duplicate');
    pending.code = code;
    pending.status = pending.waiting.size > 0 ? 'answered' : 'kept';
    for (const waiting of pending.waiting) {
      waiting.codes = [code];
      waiting.ending = 'completed';
    }
    pending.waiting.clear();
  });

const watch = (which: number, own: boolean): Command =>
  command(`ofState(${own ? `state ${which % pool.length}` : `of flow ${which}`})`, (model, real) => {
    const state = own ? nth(pool, which)! : (nth(model.flows, which)?.state ?? newState());
    let flow = liveAs(model, state);
    let expected: Expected;
    if (!flow && model.ended.has(state)) {
      see('ofState of a state that has ended');
      expected = { flow: undefined, codes: [], ending: 'completed', byState: true };
    } else if (!flow && live(model).length >= maxFlows) {
      expected = { flow: undefined, codes: [], ending: 'too many', byState: true };
    } else {
      if (flow) {
        see('ofState joins');
      } else {
        see('ofState waits by itself');
        flow = {
          state,
          deadline: Infinity,
          key: undefined,
          status: 'pending',
          code: undefined,
          waiting: new Set(),
        };
        model.flows.push(flow);
        real.handles.push(undefined);
        real.controllers.push(undefined);
      }
      expected = subscribe(model, flow, true);
    }
    observe(real, model, expected, real.bench.redirects.pipe(ofState(state)));
  });

const listen = (which: number): Command =>
  command(`flow ${which}.response.subscribe()`, (model, real) => {
    const index = model.flows.length > 0 ? which % model.flows.length : -1;
    const handle = real.handles[index];
    if (handle) observe(real, model, subscribe(model, model.flows[index]!, false), handle.response);
  });

const leave = (which: number): Command =>
  command(`unsubscribe ${which}`, (model, real) => {
    const index = real.recordings.length > 0 ? which % real.recordings.length : -1;
    if (index < 0) return;
    const expected = model.expected[index]!;
    real.recordings[index]!.subscription.unsubscribe();
    const { flow } = expected;
    if (!flow?.waiting.delete(expected)) return;
    if (flow.deadline === Infinity && flow.waiting.size === 0) {
      see('ofState abandoned');
      flow.status = 'abandoned';
    }
  });

const cancel = (which: number, bySignal: boolean): Command =>
  command(`${bySignal ? 'abort' : 'cancel'} flow ${which}`, (model, real) => {
    const index = model.flows.length > 0 ? which % model.flows.length : -1;
    const stop = bySignal ? real.controllers[index] : real.handles[index];
    if (!stop) return;
    if (stop instanceof AbortController) stop.abort();
    else stop.cancel();
    const flow = model.flows[index]!;
    if (flow.status === 'pending') finish(model, flow, 'cancelled');
  });

const advance = (ms: number): Command =>
  command(`advance ${ms}`, (model, real) => {
    real.bench.time.advance(ms);
    model.now += ms;
    for (const flow of live(model)) if (flow.deadline <= model.now) finish(model, flow, 'expired');
  });

const restart = (): Command =>
  command('close and open', (model, real) => {
    real.bench.flows.close();
    real.bench.flows.open();
    for (const flow of live(model)) finish(model, flow, 'closed');
  });

const which = fc.nat(40);
const to = fc.constantFrom<Addressee>('a live flow', 'a live flow', 'any flow', 'nobody');
const beginning = fc
  .tuple(
    fc.option(fc.nat(pool.length - 1), { nil: undefined, freq: 2 }),
    fc.option(fc.constantFrom('a', 'b'), { nil: undefined, freq: 2 }),
    fc.integer({ min: 1, max: 100 }),
    fc.boolean(),
  )
  .map((args) => begin(...args));
const commands = fc.commands(
  [
    // Each has the same chance; what must often be there is listed twice.
    beginning,
    beginning,
    beginning,
    fc.tuple(which, to).map((args) => answer(...args)),
    fc.tuple(which, to).map((args) => answer(...args)),
    fc.tuple(which, fc.boolean()).map((args) => watch(...args)),
    which.map(listen),
    which.map(listen),
    which.map(leave),
    fc.tuple(which, fc.boolean()).map((args) => cancel(...args)),
    fc.integer({ min: 1, max: 40 }).map(advance),
    // Rare, or no flow would live long enough for anything else.
    fc.nat(9).map((chance) => (chance === 0 ? restart() : advance(chance))),
  ],
  { size: 'max', maxCommands: 60 },
);

const machine = suite('Flows under any order of calls');

machine('B-02 B-04 B-06 B-09 B-10 gives each flow its own response or its own ending, once', () => {
  fc.assert(
    fc.property(commands, (steps) => {
      fc.modelRun(
        () => ({
          model: { now: 0, flows: [], ended: new Map(), expected: [] } satisfies Model,
          real: {
            bench: flowsBench({ maxFlows }),
            handles: [],
            controllers: [],
            recordings: [],
            accepted: new Map(),
            codes: 0,
          } satisfies Real,
        }),
        steps,
      );
    }),
    { numRuns: 1_000 },
  );
});

machine('the property above has met every kind of ending', () => {
  assert.equal([...seen.keys()].sort(), [
    'a kept response taken',
    'a kept response wiped: closed',
    'a kept response wiped: expired',
    'a key joined',
    'a response replayed',
    'a state in use',
    'a watched state begun',
    'accepted',
    'cancelled',
    'closed',
    'duplicate',
    'expired',
    'late',
    'ofState abandoned',
    'ofState joins',
    'ofState of a state that has ended',
    'ofState waits by itself',
    'too many flows',
    'unmatched',
  ]);
});

machine.run();
