import { emitKeypressEvents } from 'node:readline';
import { Observable } from 'rxjs';
import type { Io } from './io.ts';

/** Key that was pressed on a terminal. */
export interface Key {
  /** Name such as `escape`, `return` or `q`; empty if the key has none. */
  readonly name: string;
  /** Characters that the key types. */
  readonly text: string;
  readonly ctrl: boolean;
}

/**
 * Emits the keys that are pressed on the terminal, without echo. While it is subscribed, Ctrl-C and Ctrl-Z are keys too, because
 * a terminal that is read key by key does not send them as signals.
 */
export function keys({ stdin, onSuspension }: Pick<Io, 'stdin' | 'onSuspension'>): Observable<Key> {
  return new Observable((subscriber) => {
    const pressed = (text = '', { name = '', ctrl = false }: Partial<Key>): void =>
      subscriber.next({ name, text, ctrl });
    const leave = (): void => void stdin.setRawMode?.(false);
    const resume = (): void => {
      // Both, because a shell may have changed the mode of the terminal without libuv's knowledge.
      stdin.setRawMode?.(false);
      stdin.setRawMode?.(true);
      // Node stops reading while the process is suspended.
      stdin.pause();
      stdin.resume();
    };
    emitKeypressEvents(stdin);
    stdin.on('keypress', pressed);
    resume();
    const removeSuspendable = onSuspension({ leave, resume });
    return () => {
      removeSuspendable();
      stdin.off('keypress', pressed);
      leave();
      stdin.pause();
    };
  });
}
