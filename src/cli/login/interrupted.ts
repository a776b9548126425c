import { Observable } from 'rxjs';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Io } from '../io.ts';

/** Creates the error of a sign-in that its user has cancelled. */
export function cancelled(): CommandError {
  return new CommandError('the sign-in was cancelled', exitCodes.interrupted);
}

/** Creates the error of another command that its user has interrupted. */
export function stopped(): CommandError {
  return new CommandError('interrupted', exitCodes.interrupted);
}

/** Errors at the first signal to end. It then removes its handlers, so that a second signal ends the process. */
export function interrupted(io: Io, errorOf: () => CommandError = cancelled): Observable<never> {
  return new Observable((subscriber) => {
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
    const undo = signals.map((signal) => io.onSignal(signal, () => subscriber.error(errorOf())));
    return () => {
      for (const each of undo) each();
    };
  });
}
