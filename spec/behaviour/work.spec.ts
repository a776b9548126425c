/** The cost of a redirect must not grow with the number of pending flows: counted, not timed. */
import { createHook } from 'node:async_hooks';
import { getEventListeners } from 'node:events';
import { firstValueFrom, type Observable } from 'rxjs';
import { CallbackResponse, ofState, type OAuthCallbackServer } from '../../src/index.ts';
import { Redirect } from '../../src/model/redirect.ts';
import * as assert from '../helpers/assert.ts';
import { visit } from '../helpers/http.ts';
import { record } from '../helpers/record.ts';
import { listening, newState, redirectTo } from '../helpers/server.ts';
import { suite } from '../helpers/suite.ts';

const many = 10_000;

/** Runs `work`; counts the timers that it makes and does not end, those that keep no process alive included. */
function timersOf(work: () => void): number {
  const open = new Set<number>();
  const hook = createHook({
    init(id, type) {
      if (type === 'Timeout') open.add(id);
    },
    destroy: (id) => void open.delete(id),
  }).enable();
  try {
    work();
    return open.size;
  } finally {
    hook.disable();
  }
}

/** How often each method of the prototype is called, and each getter read, while `work` runs. */
async function callsOf(prototype: object, work: () => Promise<unknown>): Promise<Record<string, number>> {
  const calls: Record<string, number> = {};
  const original = Object.getOwnPropertyDescriptors(prototype);
  for (const [name, descriptor] of Object.entries(original)) {
    if (name === 'constructor') continue;
    calls[name] = 0;
    const { get, value } = descriptor as { get?: () => unknown; value?: unknown };
    const counted = function (this: unknown, ...args: unknown[]): unknown {
      calls[name]!++;
      return Reflect.apply((get ?? value) as () => unknown, this, args);
    };
    if (get) Object.defineProperty(prototype, name, { ...descriptor, get: counted });
    else if (typeof value === 'function')
      Object.defineProperty(prototype, name, { ...descriptor, value: counted });
  }
  try {
    await work();
    return calls;
  } finally {
    Object.defineProperties(prototype, original);
  }
}

const test = suite('work');

test('100,000 pending flows share one timer, which keeps no process alive', async () => {
  const many = 100_000;
  await using server = await listening();
  const resources = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = resources();
  const begun: Promise<unknown>[] = [];
  const timers = timersOf(() => {
    for (let flow = 0; flow < many; flow++) begun.push(server.begin());
  });
  await Promise.all(begun);
  assert.ok(timers <= 1, `${timers} timers for ${many} flows`);
  assert.is(resources(), before);
});

test('waiting states cost no timer each, but one for all, which keeps the process alive', async () => {
  await using server = await listening();
  const timers = timersOf(() => {
    for (let flow = 0; flow < many; flow++) server.redirects.pipe(ofState(newState())).subscribe();
  });
  assert.is(timers, 1);
});

test('pending flows share one listener on a signal that cancels them all', async () => {
  await using server = await listening();
  // Node warns of a leak from the eleventh listener on.
  const controllers = [new AbortController(), new AbortController()] as const;
  const responses = [];
  for (let flow = 0; flow < many; flow++) {
    const { signal } = controllers[flow % 2]!;
    responses.push(record((await server.begin({ signal })).response));
  }
  const listeners = () => controllers.map(({ signal }) => getEventListeners(signal, 'abort').length);
  assert.equal(listeners(), [1, 1]);
  controllers[0].abort();
  assert.equal(listeners(), [0, 1]);
  assert.is(responses.filter(({ ending }) => ending).length, many / 2);
  controllers[1].abort();
  assert.ok(responses.every(({ endings }) => endings === 1));
});

/** Counts the calls that one redirect makes while so many other flows are pending. */
async function costs(
  others: number,
  wait: (server: OAuthCallbackServer, state: string) => Promise<Observable<CallbackResponse>>,
) {
  await using server = await listening();
  for (let other = 0; other < others; other++) {
    (await wait(server, newState())).subscribe({ error: () => undefined });
  }
  const state = newState();
  const response = record(await wait(server, state));
  const redirects = record(server.redirects);
  const url = redirectTo(server.redirectUri, { code: 'a', state });
  const redirect = (expected: number) => async () => {
    assert.is((await visit(url)).status, expected);
    await redirects.next();
  };
  const counts: unknown[] = [];
  // Once accepted, once as a duplicate.
  for (const prototype of [CallbackResponse.prototype, Redirect.prototype, Map.prototype]) {
    counts.push(await callsOf(prototype, redirect(counts.length === 0 ? 200 : 400)));
  }
  assert.equal([response.values.length, response.endings], [1, 1]);
  return { server, counts };
}

for (const [how, wait] of [
  [
    'flow.response',
    async (server: OAuthCallbackServer, state: string) => (await server.begin({ state })).response,
  ],
  [
    'ofState',
    (server: OAuthCallbackServer, state: string) => Promise.resolve(server.redirects.pipe(ofState(state))),
  ],
] as const) {
  test(`a redirect calls nothing more often for ${many} waiting by ${how} than for 10`, async () => {
    const few = await costs(10, wait);
    const lots = await costs(many, wait);
    assert.equal(lots.counts, few.counts);
  });
}

test('a redirect wakes one of many subscribers', async () => {
  await using server = await listening();
  let woken = 0;
  const flows = await Promise.all(Array.from({ length: many }, () => server.begin()));
  for (const { response } of flows) response.subscribe({ next: () => woken++, error: () => undefined });
  const { state, response } = flows[many / 2]!;
  await visit(redirectTo(server.redirectUri, { code: 'a', state }));
  await firstValueFrom(response);
  assert.is(woken, 1);
});

test.run();
