import { clockFrom, systemClock } from '../src/clock.ts';
import * as assert from './helpers/assert.ts';
import { virtualTime } from './helpers/clock.ts';
import { suite } from './helpers/suite.ts';

const test = suite('clock');

test('tells the time of day, without a scheduler', () => {
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

test('needs no more of a timer than browsers give, which is a number', () => {
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

test('calls back after that time', async () => {
  await new Promise<void>((resolve) => {
    // Its own timer would let the process end.
    const alive = setInterval(() => undefined, 1_000);
    systemClock.after(1, () => {
      clearInterval(alive);
      resolve();
    });
  });
});

test('goes by the scheduler it is given', () => {
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

test.run();
