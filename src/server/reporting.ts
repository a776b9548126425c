import type { Report } from '../base/isolated-observable.ts';
import type { Logger } from './options.ts';

/** Diagnostics of the server. Neither of the two functions throws, whatever the program's logger does. */
export interface Reporting {
  /** Logs an exception of the program's callbacks. Without a logger it becomes a process warning. */
  readonly report: Report;
  /** Logs a line, if the logger takes lines. */
  readonly debug: (message: string) => void;
}

export function reportingTo(logger: Logger | undefined): Reporting {
  const report = (error: unknown): void => {
    const problem = error instanceof Error ? error : new Error(String(error));
    try {
      if (logger?.warn) logger.warn(problem);
      else process.emitWarning(problem);
    } catch (failure) {
      process.emitWarning(failure instanceof Error ? failure : String(failure));
    }
  };
  const debug = (message: string): void => {
    try {
      logger?.debug?.(message);
    } catch (error) {
      report(error);
    }
  };
  return { report, debug };
}
