import { createHook } from 'node:async_hooks';
import { setImmediate } from 'node:timers/promises';
import { createOAuthCallbackServer } from '../src/index.ts';
import * as assert from './helpers/assert.ts';
import type { Create } from './helpers/endpoint.ts';
import { suite } from './helpers/suite.ts';
import { weakened } from './helpers/weakened.ts';

const test = suite('ticks');

/** How many of the objects that `process.nextTick` made while a server began to listen outlive its collections. */
async function keptBy(create: Create): Promise<number> {
  const ticks: WeakRef<object>[] = [];
  const hook = createHook({
    init(_id, type, _trigger, resource) {
      if (type === 'TickObject') ticks.push(new WeakRef(resource));
    },
  }).enable();
  const server = create({ server: 'mounted', publicUrl: 'http://127.0.0.1' });
  try {
    await server.listen();
    hook.disable();
    for (let collection = 0; collection < 5; collection++) {
      await setImmediate();
      globalThis.gc!();
    }
    return ticks.filter((tick) => tick.deref() !== undefined).length;
  } finally {
    hook.disable();
    await server.close();
  }
}

test('a server keeps one object of process.nextTick, whose shape V8 would forget', async () => {
  assert.is(await keptBy(createOAuthCallbackServer), 1);
});

test('one that keeps none is noticed', async () => {
  assert.is(await keptBy(await weakened({ file: 'binding.ts', find: '  keepTick();\n', replace: '' })), 0);
});

test.run();
