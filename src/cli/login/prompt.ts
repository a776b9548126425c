import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { Observable } from 'rxjs';
import type { Io } from '../io.ts';

/** Ctrl-C: a terminal that is read key by key does not send it as a signal. */
export const interrupt = Symbol('interrupt');

// Lines that follow each other within this time were pasted: a user does not type as fast.
const pasteIntervalMs = 50;

/**
 * Emits typed and pasted lines, or the lines of a pipe. Pasted lines are joined, because a URL may be copied in several lines.
 * Nothing is echoed: a line may hold a code.
 */
export function pastedLines(
  io: Pick<Io, 'stdin' | 'onSuspension' | 'suspend'>,
): Observable<string | typeof interrupt> {
  const { stdin } = io;
  return new Observable((subscriber) => {
    // Read key by key: otherwise a terminal cuts lines after 4,095 characters.
    const terminal = stdin.isTTY === true;
    const lines = createInterface({ input: stdin, output: discard(), terminal });
    let pasted = '';
    let timer: NodeJS.Timeout | undefined;
    const flush = (): void => {
      clearTimeout(timer);
      if (pasted !== '') subscriber.next(pasted);
      pasted = '';
    };
    lines.on('line', (line) => {
      pasted += line.trim();
      clearTimeout(timer);
      if (terminal) timer = setTimeout(flush, pasteIntervalMs);
      else flush();
    });
    lines.on('SIGINT', () => subscriber.next(interrupt));
    // Without a listener, readline would stop this process only, and not read on afterwards.
    lines.on('SIGTSTP', () => io.suspend());
    const removeSuspendable = terminal
      ? io.onSuspension({
          leave: () => void stdin.setRawMode?.(false),
          resume() {
            // Both, because a shell may have changed the mode of the terminal without libuv's knowledge.
            stdin.setRawMode?.(false);
            stdin.setRawMode?.(true);
            // Node stops reading while the process is suspended.
            lines.pause();
            lines.resume();
          },
        })
      : undefined;
    lines.on('close', () => {
      flush();
      subscriber.complete();
    });
    return () => {
      clearTimeout(timer);
      removeSuspendable?.();
      lines.close();
    };
  });
}

function discard(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}
