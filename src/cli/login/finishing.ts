import { Observable, timer, type MonoTypeOperatorFunction } from 'rxjs';
import type { CommandError } from '../errors.ts';
import type { Io } from '../io.ts';
import { interrupted } from './interrupted.ts';

/** Time for an answer and its file after a signal. Both need less, and a user may press Ctrl-C again. */
const graceMs = 2_000;

/**
 * Waits two seconds more for tokens that are requested or saved when the user interrupts. A server that rotates refresh tokens has
 * used up the one that was sent, and the answer has the only one that it still accepts. A second signal ends the process. The file
 * is then as it was before, or as it should be, because it is replaced in one step.
 */
export function finishing<T>(io: Io, errorOf?: () => CommandError): MonoTypeOperatorFunction<T> {
  return (request) =>
    new Observable((subscriber) => {
      let signal: unknown;
      const onSignal = (error: unknown): void => {
        signal = error;
        // Once the handlers are removed: a signal that comes before would be lost.
        queueMicrotask(() =>
          io.stderr.write('Waiting up to 2 s for the new tokens to be saved; Ctrl-C stops immediately.\n'),
        );
        subscriber.add(timer(graceMs).subscribe(() => subscriber.error(error)));
      };
      subscriber.add(interrupted(io, errorOf).subscribe({ error: onSignal }));
      const answer = request.subscribe({
        next: (value) => subscriber.next(value),
        error: (error: unknown) => subscriber.error(signal ?? error),
        complete: () => {
          if (signal === undefined) subscriber.complete();
          else subscriber.error(signal);
        },
      });
      subscriber.add(answer);
    });
}
