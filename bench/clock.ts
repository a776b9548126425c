/** Microseconds on the clock that all processes of the machine share. */
export function now(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + nanoseconds / 1e3;
}

// Node's timers are no finer than this.
const millisecond = 1;

/**
 * Calls `next` `count` times, `perSecond` times a second, evenly. Up to a thousand a second it sleeps between them, so that
 * it takes no core from what is measured; no timer is fine enough for more, which keep a core busy.
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

// Microseconds that the system may wake late.
const slack = 50;

/**
 * The same, to some 0.1 ms, for a process that does nothing else: it sleeps to the very time, answers waiting meanwhile. With
 * timers one in five would be sent together with another, and wait for it.
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
      // First what has come: `sleep` in the same turn would keep it waiting.
      setImmediate(() => {
        const left = due() - now();
        if (left > 0) Atomics.wait(sleeper, 0, 0, left / 1e3);
        setImmediate(turn);
      });
    };
    turn();
  });
}
