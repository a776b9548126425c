import { isatty } from 'node:tty';

/** A stream to write to, a terminal maybe. */
export interface Output extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  /** Of a terminal. */
  readonly columns?: number;
  readonly rows?: number;
}

/** All that a command has of the process it runs in. */
export interface Io {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  /** For what a program would read, and nothing else. */
  readonly stdout: Output;
  /** For people. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Hears a signal, which then does not end the process by itself. Returns its undo. */
  onSignal(signal: NodeJS.Signals, heard: () => void): () => void;
  /** Whether a terminal that the process was started on is gone: its window was closed, its connection has broken. */
  hungUp(): boolean;
  /** Ends the process in the middle of whatever it does. */
  exit(code: number): never;
}

export function processIo(): Io {
  const { stdin, stdout, stderr, env } = process;
  const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor));
  // Whoever reads may stop reading (`| head`); that is no reason to print a stack.
  for (const output of [stdout, stderr]) output.on('error', () => undefined);
  return {
    stdin,
    stdout,
    stderr,
    env,
    onSignal(signal, heard) {
      process.on(signal, heard);
      return () => process.off(signal, heard);
    },
    hungUp: () => !terminals.every((descriptor) => isatty(descriptor)),
    exit: (code) => process.exit(code),
  };
}
