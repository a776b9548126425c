import { Observable } from 'rxjs';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Io } from '../io.ts';

export function cancelled(): CommandError {
  return new CommandError('the sign-in was cancelled', exitCodes.interrupted);
}

/** Errors when the process is asked to end. A second time ends it at once, by itself. */
export function interrupted(io: Io): Observable<never> {
  return new Observable((subscriber) => {
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
    const undo = signals.map((signal) => io.onSignal(signal, () => subscriber.error(cancelled())));
    return () => {
      for (const each of undo) each();
    };
  });
}
