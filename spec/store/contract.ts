import type { FlowStore, StoredFlow } from '../../src/store/store.ts';
import * as assert from '../helpers/assert.ts';
import { suite } from '../helpers/suite.ts';

export interface StoreBench {
  store: FlowStore;
  /** Lets so many milliseconds of the store's time pass. */
  pass(ms: number): Promise<void>;
}

const flow = (id: string): Omit<StoredFlow, 'expiresAt'> => ({
  id,
  state: `state-${id}`,
  expectation: { path: '/callback', responseMode: 'query', issuer: undefined },
  redirectUri: 'http://127.0.0.1/callback',
  key: 'k'.repeat(43),
});

const response = { type: 'response', response: { code: 'c', state: 'state-a' } } as const;

/** What every store must do. */
export function storeContract(
  name: string,
  use: (body: (bench: StoreBench) => Promise<void>) => Promise<void>,
): void {
  const test = suite(`${name} as a FlowStore`);

  test('keeps a flow, by its state and by its id', () =>
    use(async ({ store }) => {
      const begun = await store.begin(flow('a'), 1_000);
      assert.equal(await store.find('state-a'), { flow: begun, ended: false });
      assert.equal(await store.read('a'), begun);
      assert.is(await store.find('state-b'), undefined);
    }));

  test('begins a state once', () =>
    use(async ({ store }) => {
      assert.ok(await store.begin(flow('a'), 1_000));
      assert.is(await store.begin({ ...flow('b'), state: 'state-a' }, 1_000), undefined);
    }));

  test('ends a flow once, of many that try at the same time', () =>
    use(async ({ store }) => {
      const begun = await store.begin(flow('a'), 1_000);
      const ended = await Promise.all(Array.from({ length: 50 }, () => store.end('a', response)));
      assert.is(ended.filter(Boolean).length, 1);
      assert.is(await store.end('a', { type: 'cancelled' }), false);
      assert.equal(await store.result('a'), response);
      assert.equal(await store.find('state-a'), { flow: begun, ended: true });
    }));

  test('keeps the result until it is acknowledged, and the state used after that', () =>
    use(async ({ store }) => {
      await store.begin(flow('a'), 1_000);
      await store.end('a', response);
      await store.acknowledge('a');
      assert.is(await store.result('a'), undefined);
      assert.is(await store.read('a'), undefined);
      assert.is(await store.find('state-a'), 'used');
      assert.is(await store.begin(flow('a'), 1_000), undefined);
    }));

  test('acknowledges nothing that has not ended', () =>
    use(async ({ store }) => {
      await store.begin(flow('a'), 1_000);
      await store.acknowledge('a');
      assert.is(await store.end('a', response), true);
    }));

  test('expires a flow, tells it to who watches, and forgets it in the end', () =>
    use(async ({ store, pass }) => {
      await store.begin(flow('a'), 1_000);
      let woken = 0;
      const stop = store.watch('a', () => woken++);
      await pass(1_000);
      assert.is(woken, 1);
      assert.equal(await store.result('a'), { type: 'expired' });
      assert.is(await store.end('a', response), false);
      await pass(120_000);
      assert.is(await store.read('a'), undefined);
      assert.is(await store.find('state-a'), undefined);
      stop();
    }));

  test('wakes whoever watches when a flow ends, and nobody who has stopped', () =>
    use(async ({ store }) => {
      await store.begin(flow('a'), 1_000);
      const woken: string[] = [];
      store.watch('a', () => woken.push('one'));
      store.watch('a', () => woken.push('two'))();
      await store.end('a', response);
      assert.equal(woken, ['one']);
    }));

  test.run();
}
