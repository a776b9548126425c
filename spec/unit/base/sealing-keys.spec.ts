import { randomBytes } from 'node:crypto';
import { SealingKeys } from '../../../src/base/sealing-keys.ts';
import * as assert from '../../helpers/assert.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('sealing keys');

const [one, two] = [randomBytes(32), randomBytes(32)];
const ofOne = new SealingKeys([{ id: 'one', key: one }]);

test('opens what any of its keys has sealed, for the same context', () => {
  const sealed = ofOne.seal('text', 'context');
  const both = new SealingKeys([
    { id: 'two', key: two.toString('base64url') },
    { id: 'one', key: one.toString('base64url') },
  ]);
  assert.is(both.open(sealed, 'context'), 'text');
  assert.match(both.seal('text', 'context'), /^two\.[\w-]+$/);
  assert.throws(() => ofOne.open(both.seal('text', 'context'), 'context'));
  assert.throws(() => both.open(sealed, 'another context'));
  assert.throws(() => new SealingKeys([{ id: 'one', key: two }]).open(sealed, 'context'));
});

test('seals the same text differently each time', () => {
  assert.ok(ofOne.seal('text', 'context') !== ofOne.seal('text', 'context'));
});

test('opens a text with the derivation that sealed it', () => {
  const derive = (key: Uint8Array): Uint8Array => key.toReversed();
  const sealed = ofOne.seal('text', 'context', derive);
  assert.is(ofOne.open(sealed, 'context', derive), 'text');
  assert.throws(() => ofOne.open(sealed, 'context'));
});

test('opens no text that was cut or changed', () => {
  const sealed = ofOne.seal('text', 'context');
  for (let at = 0; at < sealed.length; at++) {
    const other = sealed[at] === 'A' ? 'B' : 'A';
    // The last character has bits that no byte needs.
    if (at < sealed.length - 1)
      assert.throws(() => ofOne.open(sealed.slice(0, at) + other + sealed.slice(at + 1), 'context'));
    assert.throws(() => ofOne.open(sealed.slice(0, at), 'context'));
  }
});

test.run();
