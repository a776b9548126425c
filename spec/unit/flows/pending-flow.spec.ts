import { catchError, firstValueFrom, map, of, toArray } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { inspect } from 'node:util';
import {
  CallbackResponse,
  FlowCancelledError,
  FlowExpiredError,
  InvalidOptionError,
  ServerClosedError,
  type Flow,
} from '../../../src/index.ts';
import { clockFrom } from '../../../src/base/clock.ts';
import { codeChallenge } from '../../../src/model/pkce.ts';
import * as assert from '../../helpers/assert.ts';
import { flowsBench, redirectUri } from '../../helpers/flows.ts';
import { record } from '../../helpers/record.ts';
import { newState } from '../../helpers/server.ts';
import { suite } from '../../helpers/suite.ts';

const endpoint = 'https://as.example/authorize';

const url = suite('flow.authorizationUrl');

url('B-12 asks for a code with an S256 challenge, without the verifier', () => {
  const flow = flowsBench().flows.begin();
  const { origin, pathname, searchParams } = flow.authorizationUrl(endpoint, {
    client_id: 'cli',
    scope: 'openid a b',
  });
  assert.is(origin + pathname, endpoint);
  assert.equal(Object.fromEntries(searchParams), {
    response_type: 'code',
    redirect_uri: redirectUri,
    state: flow.state,
    code_challenge: codeChallenge(flow.codeVerifier),
    code_challenge_method: 'S256',
    client_id: 'cli',
    scope: 'openid a b',
  });
  assert.not.match(flow.authorizationUrl(endpoint).href, flow.codeVerifier);
});

url('B-12 has a verifier of RFC 7636 for each flow, and keeps it', () => {
  const { flows } = flowsBench();
  const [one, other] = [flows.begin(), flows.begin()];
  assert.match(one.codeVerifier, /^[A-Za-z0-9\-._~]{43,128}$/);
  assert.is(one.codeVerifier, one.codeVerifier);
  assert.is.not(one.codeVerifier, other.codeVerifier);
  assert.is.not(one.codeVerifier, one.state);
});

url('B-12 has a new challenge when a sign-in is begun again after an error', () => {
  const { flows, answer } = flowsBench();
  const challenge = () => {
    const flow = flows.begin();
    const made = flow.authorizationUrl(endpoint).searchParams.get('code_challenge');
    answer(flow.state, { error: 'server_error' });
    return made;
  };
  assert.is.not(challenge(), challenge());
});

url('keeps the query of the endpoint', () => {
  const { searchParams } = flowsBench()
    .flows.begin()
    .authorizationUrl(new URL(`${endpoint}?tenant=a%20b&response_type=code`), { prompt: 'login' });
  assert.is(searchParams.get('tenant'), 'a b');
  assert.is(searchParams.get('prompt'), 'login');
  assert.equal(searchParams.getAll('response_type'), ['code']);
});

url('sends a name once for each value of an array, and leaves undefined out', () => {
  const { searchParams } = flowsBench()
    .flows.begin()
    .authorizationUrl(endpoint, {
      resource: ['https://a.example', 'https://b.example'],
      login_hint: undefined,
      prompt: [],
      constructor: 'x',
    });
  assert.equal(searchParams.getAll('resource'), ['https://a.example', 'https://b.example']);
  assert.equal([searchParams.has('login_hint'), searchParams.has('prompt')], [false, false]);
  assert.is(searchParams.get('constructor'), 'x');
});

url('lets the parameters repeat what the flow has set', () => {
  const flow = flowsBench().flows.begin();
  const { searchParams } = flow.authorizationUrl(endpoint, { response_type: 'code', state: flow.state });
  assert.equal(searchParams.getAll('state'), [flow.state]);
});

for (const [name, value] of [
  ['state', 'mine'],
  ['redirect_uri', 'https://evil.example/cb'],
  ['response_type', 'token'],
  ['code_challenge_method', 'plain'],
  ['code_challenge', 'x'],
  ['state', ['a', 'b']],
] as const) {
  url(`refuses another ${name} (${String(value)}) in the parameters or the endpoint`, () => {
    const flow = flowsBench().flows.begin();
    const byParams = assert.throws(
      () => flow.authorizationUrl(endpoint, { [name]: value }),
      InvalidOptionError,
    );
    assert.is(byParams.option, name);
    const asked = `${endpoint}?${name}=${String(value)}`;
    const byEndpoint = assert.throws(() => flow.authorizationUrl(asked), InvalidOptionError);
    assert.is(byEndpoint.option, name);
    assert.not.match(byParams.message + byEndpoint.message, flow.state);
  });
}

for (const bad of [
  'as.example/authorize',
  '/authorize',
  '',
  'https://',
  'https://[::1',
  'javascript:alert(1)',
  'file:///etc/passwd',
  'data:text/html,x',
  'ftp://as.example/',
  `${endpoint}#fragment`,
]) {
  url(`refuses the endpoint ${JSON.stringify(bad)}`, () => {
    const flow = flowsBench().flows.begin();
    const error = assert.throws(() => flow.authorizationUrl(bad), InvalidOptionError);
    assert.is(error.option, 'endpoint');
    assert.match(error.message, /^endpoint must [^\n]+$/);
  });
}

url('H-02 shows no query of an endpoint that it refuses', () => {
  const flow = flowsBench().flows.begin();
  const error = assert.throws(() => flow.authorizationUrl('as.example/authorize?client_secret=CANARY'));
  assert.not.match(inspect(error, { depth: Infinity, showHidden: true }), 'CANARY');
});

const test = suite('flow.response');

test('gives the response once, then completes', () => {
  const { flows, answer } = flowsBench();
  const flow = flows.begin();
  const response = record(flow.response);
  assert.is(answer(flow.state, { code: 'a', iss: 'https://as.example' }), 'accepted');
  assert.equal(
    response.values.map((value) => value.toDict()),
    [{ code: 'a', state: flow.state, iss: 'https://as.example' }],
  );
  assert.equal(response.ending, { completed: true });
});

test("emits a provider's error as a value", () => {
  const { flows, answer } = flowsBench();
  const flow = flows.begin();
  const response = record(flow.response);
  answer(flow.state, { error: 'access_denied' });
  assert.equal([response.values[0]?.error, response.ending], ['access_denied', { completed: true }]);
});

test('B-10 keeps a response that comes before the first subscriber', () => {
  const { flows, time, answer } = flowsBench();
  const flow = flows.begin();
  assert.is(answer(flow.state, { code: 'early' }), 'accepted');
  assert.is(flows.size, 1);
  time.advance(1_000);
  const first = record(flow.response);
  assert.equal([first.values[0]?.code, first.ending], ['early', { completed: true }]);
  assert.is(flows.size, 0);
});

test('B-10 wipes a response that no subscriber has taken by the deadline', () => {
  const { flows, time, answer } = flowsBench();
  const flow = flows.begin({ ttl: 5_000 });
  answer(flow.state, { code: 'early' });
  time.advance(4_999);
  assert.is(flows.size, 1);
  time.advance(1);
  assert.is(flows.size, 0);
  const late = record(flow.response);
  assert.is(late.values.length, 0);
  assert.instance((late.ending as { error: unknown }).error, FlowExpiredError);
});

test('B-10 replays to late subscribers until the deadline, and not beyond', () => {
  const { flows, time, answer } = flowsBench();
  const flow = flows.begin({ ttl: 5_000 });
  const first = record(flow.response);
  answer(flow.state, { code: 'a' });
  time.advance(4_999);
  const second = record(flow.response);
  assert.equal([first.values[0]?.code, second.values[0]?.code], ['a', 'a']);
  time.advance(1);
  for (const late of [record(flow.response), record(flow.response)]) {
    assert.is(late.values.length, 0);
    assert.instance((late.ending as { error: unknown }).error, FlowExpiredError);
  }
});

test('B-13 gives every subscriber of the one flow its response', () => {
  const { flows, answer } = flowsBench();
  const flow = flows.begin();
  const all = [record(flow.response), record(flow.response), record(flow.response)];
  answer(flow.state, { code: 'a' });
  assert.equal(
    all.map(({ values }) => values.map(({ code }) => code)),
    [['a'], ['a'], ['a']],
  );
});

test('gives nothing to a subscriber that has left', () => {
  const { flows, answer } = flowsBench();
  const flow = flows.begin();
  const [gone, stays] = [record(flow.response), record(flow.response)];
  gone.unsubscribe();
  gone.unsubscribe();
  answer(flow.state);
  assert.equal([gone.values.length, gone.endings, stays.values.length], [0, 0, 1]);
});

test('keeps the response if every subscriber has left before it came', async () => {
  const { flows, answer } = flowsBench();
  const flow = flows.begin();
  record(flow.response).unsubscribe();
  answer(flow.state, { code: 'a' });
  assert.is((await firstValueFrom(flow.response)).code, 'a');
});

test('works with operators', async () => {
  const { flows, answer } = flowsBench();
  const flow = flows.begin();
  const codes = firstValueFrom(
    flow.response.pipe(
      map(({ code }) => code),
      toArray(),
    ),
  );
  answer(flow.state, { code: 'a' });
  assert.equal(await codes, ['a']);
});

test('B-06 errors with FlowExpiredError when its time is over', () => {
  const { flows, time } = flowsBench();
  const flow = flows.begin();
  const response = record(flow.response);
  time.advance(599_999);
  assert.is(response.ending, undefined);
  time.advance(1);
  assert.instance((response.ending as { error: unknown }).error, FlowExpiredError);
  const late = record(flow.response);
  assert.instance((late.ending as { error: unknown }).error, FlowExpiredError);
});

test('B-06 expires in the columns of a marble diagram', () => {
  const scheduler = new TestScheduler((actual, expected) => assert.equal(actual, expected));
  const { flows, answer } = flowsBench({ clock: clockFrom(scheduler) });
  scheduler.run(({ cold, expectObservable }) => {
    const [expires, answered] = [flows.begin({ ttl: 5 }), flows.begin({ ttl: 5 })];
    const seen = ({ response }: Flow) =>
      response.pipe(
        map(({ code }) => code),
        catchError((error: unknown) => of((error as FlowExpiredError).code)),
      );
    expectObservable(seen(expires)).toBe('-----(x|)', { x: 'expired' });
    expectObservable(seen(answered)).toBe('---(a|)', { a: 'a' });
    cold('---x').subscribe(() => answer(answered.state, { code: 'a' }));
  });
});

test('errors with FlowCancelledError, whose cause is the reason, when it is cancelled', () => {
  const { flows } = flowsBench();
  const flow = flows.begin();
  const response = record(flow.response);
  const reason = new Error('changed my mind');
  flow.cancel(reason);
  const { error } = response.ending as { error: FlowCancelledError };
  assert.instance(error, FlowCancelledError);
  assert.is(error.cause, reason);
  assert.equal([flows.size, response.endings], [0, 1]);
});

test('errors with ServerClosedError when the server closes', () => {
  const { flows } = flowsBench();
  const flow = flows.begin();
  const response = record(flow.response);
  flows.close();
  assert.instance((response.ending as { error: unknown }).error, ServerClosedError);
});

test('wipes a kept response when the server closes', () => {
  const { flows, answer } = flowsBench();
  const flow = flows.begin();
  answer(flow.state, { code: 'early' });
  flows.close();
  const late = record(flow.response);
  assert.is(late.values.length, 0);
  assert.instance((late.ending as { error: unknown }).error, ServerClosedError);
});

test('ends in silence without subscribers', () => {
  const { flows, time, reported } = flowsBench();
  flows.begin().cancel();
  flows.begin({ ttl: 1 });
  time.advance(1);
  flows.begin();
  flows.close();
  assert.equal(reported, []);
});

test('reports an ending that a subscriber does not handle, and serves the others', () => {
  const { flows, reported } = flowsBench();
  const flow = flows.begin();
  flow.response.subscribe();
  flow.response.pipe(map(({ code }) => code)).subscribe();
  const other = record(flow.response);
  flow.cancel();
  assert.is(reported.length, 2);
  assert.ok(reported.every((error) => error instanceof FlowCancelledError));
  assert.is(other.endings, 1);
});

const cancel = suite('flow.cancel');

cancel('ends this flow only', () => {
  const { flows, answer } = flowsBench();
  const [one, other] = [flows.begin(), flows.begin()];
  const response = record(other.response);
  one.cancel();
  assert.equal([flows.size, response.ending], [1, undefined]);
  assert.is(answer(one.state), 'late');
  assert.is(answer(other.state), 'accepted');
  assert.is(response.values.length, 1);
});

cancel('does nothing once the flow has ended', () => {
  const { flows, answer, events } = flowsBench();
  const flow = flows.begin();
  const response = record(flow.response);
  answer(flow.state, { code: 'a' });
  flow.cancel();
  flow.cancel();
  assert.equal([response.ending, events.map(({ type }) => type)], [{ completed: true }, ['begun']]);
  assert.is(record(flow.response).values[0]?.code, 'a');
});

const printing = suite('Flow');

printing('has an id that no other flow has', () => {
  const { flows } = flowsBench();
  const [one, other] = [flows.begin(), flows.begin()];
  assert.is.not(one.id, other.id);
});

printing('keeps its redirect URI when the server has gone to another port', () => {
  let port = 1_000;
  const { flows } = flowsBench({ redirectUriFor: () => `http://127.0.0.1:${port}/callback` });
  const flow = flows.begin();
  port++;
  assert.is(flow.redirectUri, 'http://127.0.0.1:1000/callback');
  assert.is(flow.authorizationUrl(endpoint).searchParams.get('redirect_uri'), flow.redirectUri);
});

for (const [how, print] of [
  ['JSON.stringify', (value: unknown) => JSON.stringify({ value })],
  ['inspect', (value: unknown) => inspect({ value }, { depth: Infinity, showHidden: true, getters: true })],
  ['a template string', (value: unknown) => String(value)],
] as const) {
  printing(`H-02 shows neither state nor verifier nor code by ${how}`, () => {
    const { flows, answer } = flowsBench();
    const state = `CANARY-state-${newState()}`;
    const flow = flows.begin({ state });
    answer(state, new CallbackResponse({ code: 'CANARY-code' }).toDict());
    const { codeVerifier } = flow;
    assert.not.match(print(flow.handle), 'CANARY-');
    assert.not.match(print(flow.handle), codeVerifier);
  });
}

url.run();
test.run();
cancel.run();
printing.run();
