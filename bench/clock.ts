/** Returns microseconds of the clock that all processes of the machine share. */
export function now(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + nanoseconds / 1e3;
}

// Resolution of Node's timers.
const millisecond = 1;

/**
 * Calls `next` `count` times, `perSecond` times a second, evenly. Up to 1,000 a second it sleeps between calls, so that it
 * takes no processor time from the measured process. No timer is fine enough for a higher rate, which keeps a core busy.
 */
export function pace(count: number, perSecond: number, next: (index: number) => void): Promise<void> {
  const start = now();
  let index = 0;
  return new Promise((resolve) => {
    const turn = (): void => {
      const due = Math.min(count, ((now() - start) / 1e6) * perSecond);
      while (index < due) next(index++);
      if (index === count) resolve();
      else if (perSecond <= 1_000) setTimeout(turn, millisecond);
      else setImmediate(turn);
    };
    turn();
  });
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

// Microseconds by which the system may wake a process late.
const slack = 50;

/**
 * Does the same with an error of about 0.1 ms, for a process that does nothing else. It blocks until the exact time; answers
 * wait meanwhile. With timers one request in five would be sent together with another, and wait for it.
 */
export function paceAsleep(count: number, perSecond: number, next: (index: number) => void): Promise<void> {
  const start = now();
  let index = 0;
  return new Promise((resolve) => {
    const due = (): number => start + (index / perSecond) * 1e6 - slack;
    const turn = (): void => {
      while (index < count && due() <= now()) next(index++);
      if (index === count) {
        resolve();
        return;
      }
      // Handles answers that have arrived before it blocks.
      setImmediate(() => {
        const left = due() - now();
        if (left > 0) Atomics.wait(sleeper, 0, 0, left / 1e3);
        setImmediate(turn);
      });
    };
    turn();
  });
}
