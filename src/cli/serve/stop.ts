import { setTimeout as pause } from 'node:timers/promises';
import { exitCodes } from '../exit-codes.ts';
import type { Io } from '../io.ts';

/**
 * Resolves at the first SIGTERM or Ctrl-C, or when the terminal is closed. A later Ctrl-C ends the process immediately.
 *
 * @param reload Called at a SIGHUP that does not come from a closed terminal.
 */
export function untilStopped(io: Io, reload: () => void): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let stopped = false;
    const stop = (signal: NodeJS.Signals): void => {
      if (stopped && signal === 'SIGINT') io.exit(exitCodes.interrupted);
      stopped = true;
      resolve(signal);
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) io.onSignal(signal, () => stop(signal));
    io.onSignal('SIGHUP', () => (io.hungUp() ? stop('SIGHUP') : reload()));
  });
}

/** Resolves when `busy` gives false, or after `ms` milliseconds. */
export async function idle(busy: () => boolean, ms: number): Promise<void> {
  const end = performance.now() + ms;
  while (busy() && performance.now() < end) await pause(Math.min(50, ms));
}
