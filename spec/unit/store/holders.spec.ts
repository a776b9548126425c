/** Names the holder that gives something up to a newcomer. */
import { Holders, type HolderPath } from '../../../src/store/holders.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('holders');

const path = (text: string): HolderPath => text.split('/') as unknown as HolderPath;

/** Holders with things, each with its path and its number. */
function holdersOf(...paths: readonly string[]): Holders<number> {
  const holders = new Holders<number>();
  for (const [index, each] of paths.entries()) holders.add(path(each), index);
  return holders;
}

const largest = (holders: Holders<number>, newcomer: string, within?: 'name'): number[] | undefined => {
  const found = holders.largestFor(path(newcomer), within);
  return found && [...found];
};

test('name the things of the largest tenant, oldest first', () => {
  const holders = holdersOf('a/x/1', 'a/y/1', 'a/y/1', 'b/x/1');
  assert.equal(largest(holders, 'b/x/1'), [1, 2]);
  assert.equal(largest(holders, 'c/new/1'), [1, 2]);
});

test('name none if the newcomer would have as much as the largest', () => {
  assert.is(largest(holdersOf('a/x/1', 'a/x/1', 'b/x/1'), 'b/x/1'), undefined);
  assert.is(largest(holdersOf(), 'a/x/1'), undefined);
});

test('compare the names of a tenant, and the addresses of a name, if the newcomer is of the largest', () => {
  const holders = holdersOf('a/x/1', 'a/x/1', 'a/x/1', 'a/y/1', 'b/z/1');
  assert.equal(largest(holders, 'a/y/1'), [0, 1, 2]);
  assert.equal(largest(holders, 'a/x/2'), [0, 1, 2]);
  assert.is(largest(holders, 'a/x/1'), undefined);
});

test('compare only the addresses of a name, if its own limit is reached', () => {
  const holders = holdersOf('a/x/1', 'a/x/1', 'a/x/2', 'a/y/1', 'a/y/1', 'a/y/1', 'a/y/1');
  assert.equal(largest(holders, 'a/x/3', 'name'), [0, 1]);
  assert.is(largest(holders, 'a/x/2', 'name'), undefined);
  assert.is(largest(holders, 'a/new/1', 'name'), undefined);
});

test('forget what was removed, once', () => {
  const holders = holdersOf('a/x/1', 'a/x/1', 'b/y/1');
  assert.ok(holders.remove(path('a/x/1'), 0));
  assert.not.ok(holders.remove(path('a/x/1'), 0));
  assert.not.ok(holders.remove(path('a/other/1'), 1));
  assert.equal([holders.sizeOf(path('a/x/9')), holders.sizeOf(path('b/x/1')), holders.tenants], [1, 0, 2]);
  assert.ok(holders.remove(path('a/x/1'), 1));
  assert.is(holders.tenants, 1);
});

test('has no largest name that is a property of objects', () => {
  const holders = holdersOf('__proto__/constructor/1', '__proto__/constructor/1');
  assert.equal(largest(holders, 'a/toString/1'), [0, 1]);
});

test.run();
