import { clockFrom, systemClock } from '../../../src/base/clock.ts';
import * as assert from '../../helpers/assert.ts';
import { virtualTime } from '../../helpers/clock.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('clock');

test('gives the time of day, without a scheduler', () => {
  assert.is(clockFrom(undefined), systemClock);
  assert.ok(Math.abs(systemClock.now() - Date.now()) < 60_000);
});

test('never goes back when the wall clock does', () => {
  const { now } = Date;
  const before = systemClock.now();
  try {
    Date.now = () => 0;
    assert.ok(systemClock.now() >= before);
  } finally {
    Date.now = now;
  }
});

test('keeps no process alive', () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const undo = systemClock.after(60_000, () => undefined);
  assert.is(timers(), before);
  undo();
});

test('works with timers that are numbers, as in browsers', () => {
  const { setTimeout, clearTimeout } = globalThis;
  const cleared: unknown[] = [];
  try {
    globalThis.setTimeout = (() => 7) as unknown as typeof setTimeout;
    globalThis.clearTimeout = (timer) => void cleared.push(timer);
    systemClock.after(1, () => undefined)();
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }
  assert.equal(cleared, [7]);
});

test('calls back after that time, and not before', async () => {
  // Keeps the process alive, which timers of the clock do not.
  const alive = setInterval(() => undefined, 1_000);
  try {
    // Node runs due timers in the order of their times, however late it is.
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      systemClock.after(20, () => {
        order.push('after 20 ms');
        resolve();
      });
      setTimeout(() => order.push('after 10 ms'), 10);
      order.push('at once');
    });
    assert.equal(order, ['at once', 'after 10 ms', 'after 20 ms']);
  } finally {
    clearInterval(alive);
  }
});

test('uses the scheduler that it is given', () => {
  const { scheduler, advance } = virtualTime();
  const clock = clockFrom(scheduler);
  const heard: number[] = [];
  clock.after(100, () => heard.push(clock.now()));
  const undo = clock.after(50, () => heard.push(-1));
  undo();
  advance(99);
  assert.equal(heard, []);
  advance(1);
  assert.equal(heard, [100]);
  advance(1_000);
  assert.equal([clock.now(), ...heard], [1_100, 100]);
});

test('a timer that is longer than the platform can wait does not run at once', async () => {
  const alive = setInterval(() => undefined, 1_000);
  let ran = false;
  const cancel = systemClock.after(2 ** 40, () => (ran = true));
  try {
    // Node runs due timers in the order of their times; without the bound the long one would be due first.
    await new Promise<void>((resolve) => void systemClock.after(5, resolve));
    assert.not.ok(ran);
  } finally {
    cancel();
    clearInterval(alive);
  }
});

test.run();
