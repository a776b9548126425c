import { oneLine } from '../base/printable.ts';
import { exitCodeOf, exitCodes, type ExitCode } from './exit-codes.ts';

/** Ends a command with one sentence for its user. Not a `CodedError`, since no program sees it: the exit code tells it apart. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  constructor(
    /** Sentence without a secret. */
    message: string,
    readonly exitCode: ExitCode = exitCodes.failed,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Turns any error into a `CommandError`, with its message on one line. */
export function toCommandError(error: unknown): CommandError {
  if (error instanceof CommandError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CommandError(oneLine(message) || 'failed', exitCodeOf(error), { cause: error });
}
