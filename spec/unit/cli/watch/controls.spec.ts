import type { Key } from '../../../../src/cli/keys.ts';
import { Controls } from '../../../../src/cli/watch/controls.ts';
import * as assert from '../../../helpers/assert.ts';
import { suite } from '../../../helpers/suite.ts';

const test = suite('controls of watch');

const named: Readonly<Record<string, Key>> = {
  Enter: { name: 'return', text: '\r', ctrl: false },
  Esc: { name: 'escape', text: '\x1b', ctrl: false },
  Backspace: { name: 'backspace', text: '\x7f', ctrl: false },
  Up: { name: 'up', text: '\x1b[A', ctrl: false },
  'Ctrl-U': { name: 'u', text: '\x15', ctrl: true },
  'Ctrl-C': { name: 'c', text: '\x03', ctrl: true },
  'Ctrl-Z': { name: 'z', text: '\x1a', ctrl: true },
};

/** Presses keys that are separated by spaces, and returns the state and the last action. */
function after(keys: string): { filter: string; isEditing: boolean; isPaused: boolean; action: string } {
  const controls = new Controls();
  let action: string | undefined;
  for (const key of keys.split(' ')) {
    action = controls.press(named[key] ?? { name: key, text: key === '␣' ? ' ' : key, ctrl: false });
  }
  const { filter, isEditing, isPaused } = controls;
  return { filter, isEditing, isPaused, action: action ?? '' };
}

const none = { filter: '', isEditing: false, isPaused: false, action: '' };

for (const [keys, expected] of [
  ['x', none],
  ['q', { ...none, action: 'quit' }],
  ['Ctrl-C', { ...none, action: 'quit' }],
  ['Ctrl-Z', { ...none, action: 'suspend' }],
  ['p', { ...none, isPaused: true }],
  ['p p', none],
  ['/', { ...none, isEditing: true }],
  ['/ q p', { ...none, isEditing: true, filter: 'qp' }],
  ['/ a ␣ / b Enter', { ...none, filter: 'a /b' }],
  ['/ a Up 😀 Backspace', { ...none, isEditing: true, filter: 'a' }],
  ['/ a b Backspace Backspace Backspace', { ...none, isEditing: true }],
  ['/ a b Ctrl-U c', { ...none, isEditing: true, filter: 'c' }],
  ['/ a Esc', none],
  ['/ a Enter / b Enter', { ...none, filter: 'ab' }],
  ['/ a Enter p Esc', { ...none, isPaused: true }],
  ['/ a Ctrl-C', { ...none, isEditing: true, filter: 'a', action: 'quit' }],
] as const)
  test(`after ${keys}`, () => assert.equal(after(keys), expected));

test.run();
