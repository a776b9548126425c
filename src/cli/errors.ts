import { exitCodeOf, exitCodes, type ExitCode } from './exit-codes.ts';

/** Ends a command with one sentence for its user. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  constructor(
    /** Whole and without a secret: it is printed as it is. */
    message: string,
    readonly exitCode: ExitCode = exitCodes.failed,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What to say of an error and how to end: one line, never a stack. */
export function toCommandError(error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CommandError(oneLine(message) || 'something failed', exitCodeOf(error), { cause: error });
}

/** What another program said, to be printed. */
export function oneLine(text: string): string {
  // Control characters too: what another program said must not steer the terminal.
  return text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
}
