import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { Observable } from 'rxjs';
import type { Io } from '../io.ts';

/** Ctrl-C, which a terminal that is read key by key does not send as a signal. */
export const interrupt = Symbol('interrupt');

/** The lines that are typed or pasted, or come from a pipe. Completes where there are no more. Nothing is echoed: it is a code. */
export function pastedLines({ stdin }: Pick<Io, 'stdin'>): Observable<string | typeof interrupt> {
  return new Observable((subscriber) => {
    // Key by key, since a terminal cuts longer lines off at 4,095 characters otherwise.
    const lines = createInterface({ input: stdin, output: nowhere(), terminal: stdin.isTTY === true });
    lines.on('line', (line) => subscriber.next(line));
    lines.on('SIGINT', () => subscriber.next(interrupt));
    lines.on('close', () => subscriber.complete());
    return () => lines.close();
  });
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}
