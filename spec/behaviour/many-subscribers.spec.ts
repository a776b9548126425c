/** What many subscribers of one stream cost: counted, not timed. */
import { take, type Observable } from 'rxjs';
import { createOAuthCallbackServer, ofState, type OAuthCallbackServer } from '../../src/index.ts';
import * as assert from '../helpers/assert.ts';
import { complains } from '../helpers/complains.ts';
import { visit } from '../helpers/http.ts';
import { newState, redirectTo } from '../helpers/server.ts';
import { suite } from '../helpers/suite.ts';
import { edit, weakenedModule, type Edit } from '../helpers/weakened.ts';

/** Counts the elements that methods of lists, and copies of lists and sets, pass over while `work` runs. */
async function elementsOf(work: () => Promise<unknown>): Promise<number> {
  let elements = 0;
  const restores: (() => void)[] = [];
  const count = (prototype: object, name: PropertyKey, size: 'length' | 'size'): void => {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, name)!;
    const original = descriptor.value as () => unknown;
    const counted = function (this: Record<typeof size, number>, ...args: unknown[]): unknown {
      elements += this[size];
      return Reflect.apply(original, this, args as []);
    };
    Object.defineProperty(prototype, name, { ...descriptor, value: counted });
    restores.push(() => Object.defineProperty(prototype, name, descriptor));
  };
  for (const name of [
    'indexOf',
    'includes',
    'filter',
    'find',
    'findIndex',
    'some',
    'every',
    'slice',
    'concat',
  ])
    count(Array.prototype, name, 'length');
  count(Array.prototype, Symbol.iterator, 'length');
  count(Set.prototype, Symbol.iterator, 'size');
  try {
    await work();
    return elements;
  } finally {
    for (const restore of restores) restore();
  }
}

/** A stream with many subscribers, and the state of the redirect that gives each of them a value. */
interface Crowd {
  state: string;
  stream: () => Observable<unknown>;
}

const crowds: Readonly<Record<string, (server: OAuthCallbackServer) => Promise<Crowd>>> = {
  'flow.response': async (server) => {
    const flow = await server.begin();
    return { state: flow.state, stream: () => flow.response };
  },
  ofState: async (server) => {
    const { state } = await server.begin();
    return { state, stream: () => server.redirects.pipe(ofState(state)) };
  },
  'ofState without a flow': (server) => {
    const state = newState();
    return Promise.resolve({ state, stream: () => server.redirects.pipe(ofState(state)) });
  },
  'server.redirects': async (server) => {
    const { state } = await server.begin();
    return { state, stream: () => server.redirects };
  },
  'server.redirects for one': async (server) => {
    const { state } = await server.begin();
    return { state, stream: () => server.redirects.pipe(take(1)) };
  },
  'server.events': async (server) => {
    const { state } = await server.begin();
    return { state, stream: () => server.events };
  },
};

/** Counts what so many subscribers of one stream cost: to come, to leave, to receive a value. */
async function crowdCosts(
  create: typeof createOAuthCallbackServer,
  crowd: (server: OAuthCallbackServer) => Promise<Crowd>,
  size: number,
): Promise<number> {
  await using server = create();
  await server.listen();
  const { state, stream } = await crowd(server);
  return await elementsOf(async () => {
    // Without the first, a flow of `ofState` would end with those that leave.
    const first = stream().subscribe();
    const leaving = Array.from({ length: size }, () => stream().subscribe());
    for (const subscription of leaving) subscription.unsubscribe();
    let received = 0;
    const staying = Array.from({ length: size }, () => stream().subscribe(() => received++));
    await visit(redirectTo(server.redirectUri, { code: 'a', state }));
    assert.ok(received >= size, `${received} of ${size} have received a value`);
    for (const subscription of [first, ...staying]) subscription.unsubscribe();
  });
}

async function costsOfACrowdGrowLinearly(
  create: typeof createOAuthCallbackServer,
  name: string,
): Promise<void> {
  const few = await crowdCosts(create, crowds[name]!, 500);
  const lots = await crowdCosts(create, crowds[name]!, 2_000);
  assert.ok(
    lots <= 5 * few,
    `${name}: 4 times the subscribers cost ${(lots / few).toFixed(1)} times as much`,
  );
}

/** Lists in place of sets, as the product once had them and as a `Subject` of RxJS has. */
const withLists: Readonly<Record<string, readonly Edit[]>> = {
  'flow.response': [
    edit(
      '(this.#observers ??= new Set()).add(observer);',
      '(this.#observers = new Set([...(this.#observers ?? [])].filter(({ closed }) => !closed))).add(observer);',
    ),
  ],
  'server.redirects': [
    edit(
      'return () => void this.#subscribers.delete(subscriber);',
      'return () => { for (const each of [...this.#subscribers]) if (each === subscriber) this.#subscribers.delete(each); };',
    ),
  ],
};

const test = suite('many subscribers');

for (const name of Object.keys(crowds))
  test(`4 times as many subscribers of ${name} cost 4 times as much`, () =>
    costsOfACrowdGrowLinearly(createOAuthCallbackServer, name));

for (const [name, edits] of Object.entries(withLists))
  test(`the count of ${name} rejects a server that keeps a list of subscribers`, async () => {
    const twin = (await weakenedModule('index.ts', ...edits)) as typeof import('../../src/index.ts');
    const check = () => costsOfACrowdGrowLinearly(twin.createOAuthCallbackServer, name);
    await complains(check, /cost 1\d\.\d times as much/);
  });

test.run();
