import { firstValueFrom, map } from 'rxjs';
import { ofState, orThrow, TooManyFlowsError, AuthorizationError } from '../../../src/index.ts';
import * as assert from '../../helpers/assert.ts';
import { arrival, flowsBench } from '../../helpers/flows.ts';
import { record } from '../../helpers/record.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('ofState on server.redirects');

test('waits for a state that has no flow', () => {
  const { redirects, flows, answer } = flowsBench();
  const state = newState();
  const waiting = record(redirects.pipe(ofState(state)));
  assert.equal([flows.size, waiting.ending], [1, undefined]);
  assert.is(answer(state, { code: 'a' }), 'accepted');
  assert.equal([waiting.values[0]?.code, waiting.ending], ['a', { completed: true }]);
  assert.is(flows.size, 0);
});

test('has no effect before it is subscribed', () => {
  const { redirects, flows, answer } = flowsBench();
  const state = newState();
  const stream = redirects.pipe(ofState(state));
  assert.equal([flows.size, answer(state)], [0, 'unmatched']);
  record(stream);
  assert.equal([flows.size, answer(state)], [1, 'accepted']);
});

test('has its state accepted only while there is a subscriber', () => {
  const { redirects, flows, answer } = flowsBench();
  const state = newState();
  const [one, two] = [record(redirects.pipe(ofState(state))), record(redirects.pipe(ofState(state)))];
  one.unsubscribe();
  assert.is(flows.size, 1);
  two.unsubscribe();
  assert.equal([flows.size, answer(state)], [0, 'unmatched']);
  const again = record(redirects.pipe(ofState(state)));
  assert.is(answer(state, { code: 'a' }), 'accepted');
  assert.equal(
    [one, two, again].map(({ values, endings }) => [values.length, endings]),
    [
      [0, 0],
      [0, 0],
      [1, 1],
    ],
  );
});

test('leaves nothing if it unsubscribes between the acceptance of its redirect and the emission', () => {
  const { redirects, flows } = flowsBench();
  const state = newState();
  const leaves = record(redirects.pipe(ofState(state)));
  const match = flows.match({ state, code: 'a' }, arrival);
  leaves.unsubscribe();
  assert.ok(match.disposition === 'accepted');
  flows.deliver(match.flow);
  const late = record(redirects.pipe(ofState(state)));
  assert.equal([flows.size, leaves.values.length], [0, 0]);
  assert.equal([late.values.length, late.ending], [0, { completed: true }]);
});

test('waits without a time limit and without a timer', () => {
  const { redirects, time, answer } = flowsBench();
  const state = newState();
  const waiting = record(redirects.pipe(ofState(state)));
  assert.is(time.scheduler.actions.length, 0);
  time.advance(10 * 86_400_000);
  assert.equal([waiting.ending, answer(state)], [undefined, 'accepted']);
});

test('joins a flow that was begun, which goes on without it', () => {
  const { redirects, flows, answer } = flowsBench();
  const flow = flows.begin();
  const [leaves, stays] = [flow.state, flow.state].map((state) => record(redirects.pipe(ofState(state))));
  leaves!.unsubscribe();
  const response = record(flow.response);
  assert.is(flows.size, 1);
  answer(flow.state, { code: 'a' });
  assert.equal([leaves!.values.length, stays!.values[0]?.code, response.values[0]?.code], [0, 'a', 'a']);
});

test('leaves a flow that was begun pending when it unsubscribes', () => {
  const { redirects, flows, answer } = flowsBench();
  const flow = flows.begin();
  record(redirects.pipe(ofState(flow.state))).unsubscribe();
  assert.equal([flows.size, answer(flow.state)], [1, 'accepted']);
});

test('B-10 gets a response that came before', () => {
  const { redirects, flows, answer } = flowsBench();
  const flow = flows.begin();
  answer(flow.state, { code: 'early' });
  const late = record(redirects.pipe(ofState(flow.state)));
  assert.equal([late.values[0]?.code, late.ending, flows.size], ['early', { completed: true }, 0]);
});

test('gives each of many subscribers of one state the response', () => {
  const { redirects, flows, answer } = flowsBench();
  const state = newState();
  const all = Array.from({ length: 100 }, () => record(redirects.pipe(ofState(state))));
  assert.is(flows.size, 1);
  answer(state, { code: 'a' });
  assert.ok(all.every(({ values, endings }) => values.length === 1 && endings === 1));
});

test('completes empty when the flow expires, is cancelled, or the server closes', () => {
  const { redirects, flows, time, reported } = flowsBench();
  const [expires, cancelled, closed] = [flows.begin({ ttl: 10 }), flows.begin(), flows.begin()];
  const waiting = [expires, cancelled, closed].map(({ state }) => record(redirects.pipe(ofState(state))));
  const alone = record(redirects.pipe(ofState(newState())));
  time.advance(10);
  cancelled.cancel();
  flows.close();
  for (const { values, ending } of [...waiting, alone]) {
    assert.equal([values.length, ending], [0, { completed: true }]);
  }
  assert.equal(reported, []);
});

test('completes at once, and empty, for a state that was used', () => {
  const { redirects, flows, answer } = flowsBench();
  const [answered, cancelled] = [flows.begin(), flows.begin()];
  record(answered.response);
  answer(answered.state);
  cancelled.cancel();
  for (const { state } of [answered, cancelled]) {
    const { values, ending } = record(redirects.pipe(ofState(state)));
    assert.equal([values.length, ending], [0, { completed: true }]);
  }
  assert.is(flows.size, 0);
});

test('completes at once, and empty, when the server has closed', () => {
  const { redirects, flows } = flowsBench();
  flows.close();
  const { values, ending } = record(redirects.pipe(ofState(newState())));
  assert.equal([values.length, ending, flows.size], [0, { completed: true }, 0]);
});

test('H-04 errors for its own subscriber when maxFlows are pending', () => {
  const { redirects, flows } = flowsBench({ maxFlows: 1 });
  const flow = record(flows.begin().response);
  const { ending } = record(redirects.pipe(ofState(newState())));
  assert.instance((ending as { error: unknown }).error, TooManyFlowsError);
  assert.is(flow.ending, undefined);
});

test('composes with operators and with orThrow', async () => {
  const { redirects, answer } = flowsBench();
  const [one, other] = [newState(), newState()];
  const code = firstValueFrom(
    redirects.pipe(
      ofState(one),
      orThrow(),
      map((response) => response.code),
    ),
  );
  const denied = firstValueFrom(redirects.pipe(ofState(other), orThrow()));
  answer(one, { code: 'a' });
  answer(other, { error: 'access_denied' });
  assert.is(await code, 'a');
  assert.is((await assert.rejects(denied, AuthorizationError)).error, 'access_denied');
});

test('reports a subscriber that throws, and serves the others', () => {
  const { redirects, answer, reported } = flowsBench();
  const state = newState();
  const failure = new Error('my mistake');
  redirects.pipe(ofState(state)).subscribe(() => {
    throw failure;
  });
  const other = record(redirects.pipe(ofState(state)));
  answer(state);
  assert.equal([other.values.length, other.endings, reported.length], [1, 1, 1]);
  assert.is(reported[0], failure);
});

test.run();
