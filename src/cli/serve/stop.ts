import { setTimeout as pause } from 'node:timers/promises';
import { exitCodes } from '../exit-codes.ts';
import type { Io } from '../io.ts';

/**
 * Resolves at the first SIGTERM or Ctrl-C, and where its terminal is gone; Ctrl-C after it ends the process at once.
 *
 * @param reload Runs at a SIGHUP that somebody has sent.
 */
export function untilStopped(io: Io, reload: () => void): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let stopped = false;
    const hear = (signal: NodeJS.Signals): void => {
      if (stopped && signal === 'SIGINT') io.exit(exitCodes.interrupted);
      stopped = true;
      resolve(signal);
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) io.onSignal(signal, () => hear(signal));
    io.onSignal('SIGHUP', () => (io.hungUp() ? hear('SIGHUP') : reload()));
  });
}

/** Resolves once nothing is left to wait for, or the time is up. */
export async function idle(busy: () => boolean, ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (busy() && performance.now() < end) await pause(Math.min(50, ms));
}
