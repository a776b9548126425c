import { isatty } from 'node:tty';
import { Suspension, type Suspendable } from './suspension.ts';

/** Stream to write to, which may be a terminal. */
export interface Output extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  /** Size of a terminal. */
  readonly columns?: number;
  readonly rows?: number;
}

/** Parts of the process that a command uses. */
export interface Io {
  readonly stdin: NodeJS.ReadableStream & {
    readonly isTTY?: boolean;
    /** Reads a terminal key by key, without echo. */
    setRawMode?(raw: boolean): unknown;
  };
  /** Output for programs only. */
  readonly stdout: Output;
  /** Output for people. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Handles a signal, which then does not end the process. Returns a function that removes the handler. */
  onSignal(signal: NodeJS.Signals, handler: () => void): () => void;
  /** Tells if a terminal of the process is gone, because its window was closed or its connection broke. */
  hungUp(): boolean;
  /** Restores the terminal around a suspension by Ctrl-Z. Returns a function that ends this. */
  onSuspension(suspendable: Suspendable): () => void;
  /** Suspends the command, as Ctrl-Z does on a terminal that is not read key by key. */
  suspend(): void;
  /** Ends the process immediately. */
  exit(code: number): never;
}

/** Gives the parts of this process. */
export function processIo(): Io {
  const { stdin, stdout, stderr, env } = process;
  const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor));
  // A reader may close the pipe early (`| head`); without a handler Node would print a stack.
  for (const output of [stdout, stderr]) output.on('error', () => undefined);
  const suspension = new Suspension();
  return {
    stdin,
    stdout,
    stderr,
    env,
    onSignal(signal, handler) {
      process.on(signal, handler);
      return () => process.off(signal, handler);
    },
    hungUp: () => !terminals.every((descriptor) => isatty(descriptor)),
    onSuspension: (suspendable) => suspension.add(suspendable),
    suspend: () => suspension.suspend(),
    exit: (code) => process.exit(code),
  };
}
