import { CommanderError } from 'commander';
import { printable } from '../base/printable.ts';
import { toCommandError } from './errors.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import type { Io } from './io.ts';
import { createProgram } from './program.ts';

/** Runs the command that the arguments name, and resolves with the exit code. Never rejects. */
export async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  try {
    await createProgram(io).parseAsync(withLongVersion(args), { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    // Commander has printed its message already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const { message, exitCode } = toCommandError(error);
    // A message may quote a service, a provider or a file.
    io.stderr.write(`rx-oauth-callback: ${printable(message)}\n`);
    return exitCode;
  }
}

/** Takes `-V` for the version as well as `-v`, as other programs do. */
function withLongVersion(args: readonly string[]): readonly string[] {
  return args[0] === '-V' ? ['--version', ...args.slice(1)] : args;
}
