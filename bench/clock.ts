/** Microseconds on the clock that all processes of the machine share. */
export function now(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + nanoseconds / 1e3;
}

/** Calls `next` `count` times, `perSecond` times a second, evenly: no timer is fine enough, so this keeps a core busy. */
export function pace(count: number, perSecond: number, next: (index: number) => void): Promise<void> {
  const start = now();
  let index = 0;
  return new Promise((resolve) => {
    const turn = (): void => {
      const due = Math.min(count, ((now() - start) / 1e6) * perSecond);
      while (index < due) next(index++);
      if (index < count) setImmediate(turn);
      else resolve();
    };
    turn();
  });
}
