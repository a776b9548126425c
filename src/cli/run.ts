import { CommanderError } from 'commander';
import { toCommandError } from './errors.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import type { Io } from './io.ts';
import { createProgram } from './program.ts';

/** Runs the command that the arguments name; gives the exit code. Never rejects. */
export async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  try {
    await createProgram(io).parseAsync(args, { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    // It has said all there is to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const { message, exitCode } = toCommandError(error);
    io.stderr.write(`rx-oauth-callback: ${message}\n`);
    return exitCode;
  }
}
