import * as assert from './assert.ts';
import { suite } from './suite.ts';
import { edit, rebuilt, replacing, weakenedModule } from './weakened.ts';
import { randomToken } from '../../src/base/random.ts';
import { StateInUseError } from '../../src/index.ts';

type Index = typeof import('../../src/index.ts');

const shorter = edit('bytes = 32', 'bytes = 8');

async function lengthOfState(module: object): Promise<number> {
  await using server = (module as Index).createOAuthCallbackServer();
  await server.listen();
  return (await server.begin()).state.length;
}

async function fails(making: Promise<object>, message: string): Promise<void> {
  assert.match((await assert.rejects(making)).message, message);
}

const test = suite('weakened twins');

test('rejects an edit whose text is missing or occurs twice', async () => {
  for (const find of ['no such words', 'headers']) {
    for (const file of [undefined, 'callback/request.ts'])
      await fails(weakenedModule('index.ts', edit(find, 'x', file)), 'times instead of once');
  }
  await fails(weakenedModule('index.ts', edit('x', 'y', 'no-such-file.ts')), 'no such file');
  await fails(weakenedModule('index.ts', edit('bytes = 32', 'bytes = 32')), 'not changed');
});

test('rejects a replacement of what src does not export once', async () => {
  for (const name of ['noSuchExport', 'requirements'])
    await fails(
      weakenedModule(
        'index.ts',
        replacing({ [name]: 1 }, () => 2),
      ),
      '0 times instead',
    );
});

test('changes what an edit finds, in whichever file', async () => {
  assert.is(await lengthOfState(await weakenedModule('index.ts', shorter)), 11);
});

test('replaces an export for those that import it', async () => {
  const twin = await weakenedModule(
    'index.ts',
    replacing({ randomToken }, (real) => () => real(8)),
  );
  assert.is(await lengthOfState(twin), 11);
});

test('changes nothing in a twin that is rebuilt', async () => {
  const changes = [shorter, replacing({ randomToken }, () => () => 'x')];
  assert.is(await lengthOfState(await rebuilt('index.ts', [{ changes }])), 43);
});

test('shares all other modules with the real product', async () => {
  const twin = (await weakenedModule('index.ts', shorter)) as Index;
  assert.is(twin.StateInUseError, StateInUseError);
  assert.is.not(
    twin.createOAuthCallbackServer,
    (await import('../../src/index.ts')).createOAuthCallbackServer,
  );
});

test.run();
