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
