import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { Observable } from 'rxjs';
import type { Io } from '../io.ts';

/** Ctrl-C, which a terminal that is read key by key does not send as a signal. */
export const interrupt = Symbol('interrupt');

// What is pasted comes at once; a person does not type two lines in this many milliseconds.
const pasting = 50;

/**
 * What is typed or pasted, or the lines of a pipe; a URL that was copied in several lines is one. Completes where there are no
 * more. Nothing is echoed: it is a code.
 */
export function pastedLines({ stdin }: Pick<Io, 'stdin'>): Observable<string | typeof interrupt> {
  return new Observable((subscriber) => {
    // Key by key, since a terminal cuts longer lines off at 4,095 characters otherwise.
    const terminal = stdin.isTTY === true;
    const lines = createInterface({ input: stdin, output: nowhere(), terminal });
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
      if (terminal) timer = setTimeout(flush, pasting);
      else flush();
    });
    lines.on('SIGINT', () => subscriber.next(interrupt));
    lines.on('close', () => {
      flush();
      subscriber.complete();
    });
    return () => {
      clearTimeout(timer);
      lines.close();
    };
  });
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}
