import { AsyncLocalStorage, createHook } from 'node:async_hooks';
import { setImmediate } from 'node:timers/promises';
import { createOAuthCallbackServer } from '../src/index.ts';
import * as assert from './helpers/assert.ts';
import type { Create } from './helpers/endpoint.ts';
import { suite } from './helpers/suite.ts';
import { weakened, type Edit } from './helpers/weakened.ts';

const test = suite('ticks');

async function collect(): Promise<void> {
  for (let collection = 0; collection < 5; collection++) {
    await setImmediate();
    globalThis.gc!();
  }
}

/** How many of the objects that `process.nextTick` made while a server began to listen outlive collections, until it closes and after. */
async function keptBy(create: Create): Promise<number[]> {
  const ticks: WeakRef<object>[] = [];
  const alive = (): number => ticks.filter((tick) => tick.deref() !== undefined).length;
  const hook = createHook({
    init(_id, type, _trigger, resource) {
      if (type === 'TickObject') ticks.push(new WeakRef(resource));
    },
  }).enable();
  const server = create({ server: 'mounted', publicUrl: 'http://127.0.0.1' });
  try {
    await server.listen();
    hook.disable();
    await collect();
    const open = alive();
    await server.close();
    await collect();
    return [open, alive()];
  } finally {
    hook.disable();
    await server.close();
  }
}

test('a server keeps one object of process.nextTick, whose shape V8 would forget, until it closes', async () => {
  assert.equal(await keptBy(createOAuthCallbackServer), [1, 0]);
});

const twins: readonly [string, Edit, number[]][] = [
  ['none', { file: 'server.ts', find: '    keepTick(this.#bound);\n', replace: '' }, [0, 0]],
  [
    'one for ever',
    { file: 'server.ts', find: 'keepTick(this.#bound)', replace: 'keepTick(keepTick)' },
    [1, 1],
  ],
];

for (const [name, edit, kept] of twins)
  test(`a server that keeps ${name} is noticed`, async () => {
    assert.equal(await keptBy(await weakened(edit)), kept);
  });

test('a closed server keeps nothing of the context in which it was opened', async () => {
  const storage = new AsyncLocalStorage<object>();
  const opened = async (): Promise<WeakRef<object>> => {
    const store = { of: 'a request' };
    const server = createOAuthCallbackServer({ server: 'mounted', publicUrl: 'http://127.0.0.1' });
    await storage.run(store, () => server.listen());
    await server.close();
    return new WeakRef(store);
  };
  const store = await opened();
  await collect();
  assert.is(store.deref(), undefined);
});

test.run();
