import { deepStrictEqual } from 'node:assert';
import { from, map, mergeMap, NEVER, of, retry, Subject, throwError, type Observable } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import {
  FlowCancelledError,
  FlowExpiredError,
  orThrow,
  ServerClosedError,
  type BeginOptions,
  type CallbackHost,
  type Flow,
  type ServerEvent,
} from '../../../src/index.ts';
import { fakeCallbackHost, type FakeCallbackHostOptions, type FakeResponse } from '../../../src/testing.ts';
import * as assert from '../../helpers/assert.ts';
import { complains } from '../../helpers/complains.ts';
import { suite } from '../../helpers/suite.ts';
import { edit, weakenedModule } from '../../helpers/weakened.ts';

const test = suite('fake callback host');

const virtual: TestScheduler['run'] = (body) => new TestScheduler(deepStrictEqual).run(body);

/** The code of one sign-in, as a program gets it. */
const codeAt = (host: CallbackHost, options?: BeginOptions): Observable<string | undefined> =>
  from(host.begin(options)).pipe(
    mergeMap((flow) => flow.response),
    orThrow(),
    map(({ code }) => code),
  );

test('answers a flow as the diagram says, in virtual time', () =>
  virtual(({ cold, expectObservable }) => {
    const host = fakeCallbackHost(cold('--a|', { a: { code: 'c' } }));
    expectObservable(codeAt(host)).toBe('--(c|)');
  }));

test('gives each flow its own response, with its own state', () =>
  virtual(({ cold, expectObservable, flush }) => {
    const states: string[] = [];
    const host = fakeCallbackHost((flow, index) => {
      states.push(flow.state);
      return index === 0 ? cold('---a', { a: { code: 'x' } }) : cold('-b', { b: { code: 'y' } });
    });
    expectObservable(codeAt(host)).toBe('---(x|)');
    expectObservable(codeAt(host)).toBe('-(y|)');
    flush();
    assert.equal(
      host.flows.map(({ state }) => state),
      states,
    );
    assert.is(new Set(states).size, 2);
  }));

test('ends a flow by an error, as it is or as the cause of a cancellation', () =>
  virtual(({ cold, expectObservable }) => {
    const expired = new FlowExpiredError('too late');
    expectObservable(codeAt(fakeCallbackHost(cold('--#', {}, expired)))).toBe('--#', {}, expired);
    const causes = from(fakeCallbackHost(cold('-#')).begin()).pipe(
      mergeMap((flow) => flow.response),
      retry({ delay: (error: FlowCancelledError) => of(error.cause) }),
    );
    expectObservable(causes.pipe(mergeMap(() => NEVER)), '--!').toBe('-');
    const cancelled = new FlowCancelledError('the flow was cancelled', { cause: 'error' });
    expectObservable(codeAt(fakeCallbackHost(cold('-#')))).toBe('-#', {}, cancelled);
  }));

test('expires flows in virtual time', () =>
  virtual(({ cold, expectObservable }) => {
    const expired = new FlowExpiredError('the flow expired before its redirect came');
    const host = fakeCallbackHost(cold('20ms a', { a: { code: 'late' } }), { flowTtl: 10 });
    expectObservable(codeAt(host)).toBe('10ms #', {}, expired);
    expectObservable(codeAt(host, { ttl: 30 })).toBe('20ms (a|)', { a: 'late' });
    expectObservable(codeAt(fakeCallbackHost(NEVER))).toBe('600s #', {}, expired);
  }));

test('lets a program retry after a denial, in virtual time', () =>
  virtual(({ cold, expectObservable }) => {
    const host = fakeCallbackHost((_flow, index) =>
      index < 2 ? cold('-a', { a: { error: 'access_denied' } }) : cold('-a', { a: { code: 'c' } }),
    );
    const attempt = of(undefined).pipe(mergeMap(() => codeAt(host)));
    expectObservable(attempt.pipe(retry(2))).toBe('---(c|)');
  }));

/** A response that no flow may take changes nothing, as at a server. */
function judges(create: typeof fakeCallbackHost): void {
  virtual(({ cold, expectObservable }) => {
    const issuer = 'https://as.example';
    const host = create(
      cold('-abcde', {
        a: { code: 'x', state: 'of-nobody' },
        b: { code: 'x', iss: 'https://evil.example' },
        c: { code: 'x' },
        d: { code: 'good', iss: issuer, realmId: '7', tag: ['1', '2'] },
        e: { code: 'again', iss: issuer },
      }),
    );
    const response = from(host.begin({ issuer, requireIssuer: true })).pipe(
      mergeMap((flow) => flow.response),
      map(({ code, parameters }) => [code, { ...parameters }]),
    );
    expectObservable(response).toBe('----(a|)', { a: ['good', { realmId: '7', tag: ['1', '2'] }] });
    const dispositions = host.events.pipe(
      mergeMap((event) => (event.type === 'redirect' ? [event.disposition] : [])),
    );
    expectObservable(dispositions).toBe('-abbcd', {
      a: 'unmatched',
      b: 'wrong_issuer',
      c: 'accepted',
      d: 'duplicate',
    });
  });
}

test('judges responses as a server does', () => judges(fakeCallbackHost));

/** What no server delivers does not come to a flow. */
function reads(create: typeof fakeCallbackHost): void {
  virtual(({ cold, expectObservable }) => {
    const host = create(
      cold('-abcdef', {
        a: { code: '' },
        b: { code: 'a\u0000b' },
        c: { code: 'x'.repeat(10_000) },
        d: { code: 'x', id_token: 'y' },
        e: { code: 'x', state: ['one', 'two'] },
        f: { code: 'x', error: 'access_denied', state: undefined },
      }),
    );
    const response = from(host.begin()).pipe(
      mergeMap((flow) => flow.response),
      map(({ code, error }) => [code, error]),
    );
    expectObservable(response).toBe('------(a|)', { a: [undefined, 'access_denied'] });
    const reasons = host.events.pipe(
      mergeMap((event) => (event.type === 'redirect' ? [event.reason ?? event.disposition] : [])),
    );
    expectObservable(reasons).toBe('-abcdef', {
      a: 'missing_code',
      b: 'invalid_character',
      c: 'too_long',
      d: 'front_channel_token',
      e: 'repeated_parameter',
      f: 'accepted',
    });
  });
}

test('reads responses as a server does', () => reads(fakeCallbackHost));

test('the control: a host that delivers malformed responses is found out', async () => {
  const twin = (await weakenedModule(
    'testing.ts',
    edit('if (reason) {', 'if (!reason && reason) {', 'testing/fake-callback-host.ts'),
  )) as { fakeCallbackHost: typeof fakeCallbackHost };
  await complains(async () => {
    reads(twin.fakeCallbackHost);
    await Promise.resolve();
  }, /deep-equal/);
});

test('the control: a host that delivers without judging is found out', async () => {
  const twin = (await weakenedModule(
    'testing.ts',
    edit('if (expected.issuer && !issuerFits(expected.issuer, iss))', 'if (!expected)'),
  )) as { fakeCallbackHost: typeof fakeCallbackHost };
  await complains(async () => {
    judges(twin.fakeCallbackHost);
    await Promise.resolve();
  }, /deep-equal/);
});

test('gives flows with state, PKCE, a URL and the options of begin', async () => {
  const redirectUri = 'https://app.example/callback?tenant=1';
  await using host = fakeCallbackHost(NEVER, { redirectUri });
  const flow = await host.begin({ responseMode: 'form_post' });
  const { searchParams } = flow.authorizationUrl('https://as.example/authorize', { client_id: 'c' });
  assert.equal(
    ['redirect_uri', 'state', 'response_mode', 'code_challenge_method'].map((name) => searchParams.get(name)),
    [redirectUri, flow.state, 'form_post', 'S256'],
  );
  assert.is(searchParams.get('code_challenge')?.length, 43);
  await using other = fakeCallbackHost(NEVER);
  assert.is((await other.begin({ context: 'as' })).redirectUri, 'http://127.0.0.1/callback/as');
  const start = (await host.begin({ binding: 'cookie' })).startUrl('https://as.example/authorize');
  assert.match(start.href, /^https:\/\/app\.example\/start\//);
});

test('works with await in real time, and with a flow shared by its key', async () => {
  const responses = new Subject<FakeResponse>();
  await using host = fakeCallbackHost(responses);
  const [first, second] = await Promise.all([host.begin({ key: 'k' }), host.begin({ key: 'k' })]);
  assert.is(first, second);
  const codes: (string | undefined)[] = [];
  first.response.subscribe(({ code }) => codes.push(code));
  responses.next({ code: 'c' });
  assert.equal(codes, ['c']);
  await using at = fakeCallbackHost(of({ code: 'at once' }));
  assert.is((await assert.deadline(at.begin(), 'begin')).id, 'fake-1');
});

test('asks for the code of a page', async () => {
  await using host = fakeCallbackHost(of({ code: 'c' }));
  const flow = await host.begin({ binding: 'code' });
  const codes: (string | undefined)[] = [];
  flow.response.subscribe(({ code }) => codes.push(code));
  assert.equal(codes, []);
  await assert.rejects(flow.confirm('wrong'), 'wrong_code');
  await flow.confirm(host.pageCode(flow) ?? '');
  assert.equal(codes, ['c']);
});

test('closes like a server: flows end, events complete, and no flow begins', async () => {
  const host = fakeCallbackHost(NEVER);
  const events: ServerEvent['type'][] = [];
  host.events.subscribe({ next: ({ type }) => events.push(type), complete: () => events.push('closed') });
  const flow = await host.begin();
  const errors: unknown[] = [];
  flow.response.subscribe({ error: (error: unknown) => errors.push(error) });
  await host.close();
  await host.close();
  assert.instance(errors[0], ServerClosedError);
  assert.equal(events, ['begun', 'cancelled', 'closed', 'closed']);
  await assert.rejects(host.begin(), 'closed');
  await host.begin().catch((error: unknown) => assert.instance(error, ServerClosedError));
});

test('rejects wrong options and responses', async () => {
  for (const options of [{ flowTtl: 0 }, { ttl: 1 }, { redirectUri: 'callback' }])
    assert.throws(() => fakeCallbackHost(NEVER, options as FakeCallbackHostOptions), 'invalid_option');
  const errors: unknown[] = [];
  const report = (error: unknown): void => void errors.push(error);
  for (const wrong of [{}, { code: 1 }, { state: 's' }]) {
    await using host = fakeCallbackHost(of(wrong as object as FakeResponse));
    const flow = await host.begin();
    flow.response.subscribe({ error: report });
  }
  assert.equal(
    errors.map((error) => ((error as FlowCancelledError).cause as { code: string }).code),
    ['invalid_option', 'invalid_option', 'invalid_option'],
  );
  await assert.rejects(fakeCallbackHost(NEVER).begin({ states: 'x' } as object), 'invalid_option');
});

test('leaves a rejection that a program forgets unhandled, and no other', async () => {
  const seen: unknown[] = [];
  const note = (error: unknown): void => void seen.push(error);
  // Specs run with `--unhandled-rejections=strict`.
  process.on('uncaughtException', note);
  try {
    await using host = fakeCallbackHost(NEVER);
    const wrong = { ttl: 0 };
    await assert.rejects(host.begin(wrong), 'invalid_option');
    host.begin(wrong).catch(() => undefined);
    await Promise.allSettled([host.begin(wrong)]);
    await new Promise(setImmediate);
    assert.equal(seen, []);
    void host.begin(wrong);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    assert.is((seen[0] as { code: string }).code, 'invalid_option');
  } finally {
    process.off('uncaughtException', note);
  }
});

test('a function that throws, or an Observable that errors at once, ends the flow', async () => {
  await using host = fakeCallbackHost(() => throwError(() => new Error('none')));
  const flow: Flow = await host.begin();
  const errors: unknown[] = [];
  flow.response.subscribe({ error: (error: unknown) => errors.push(error) });
  assert.instance(errors[0], FlowCancelledError);
});

test.run();
