import { Command } from 'commander';
import { exitCodes, meanings } from './exit-codes.ts';
import type { Io } from './io.ts';
import { addDemo } from './demo.ts';
import { addServe } from './serve.ts';

/** Each adds its command; what a command needs beyond its options it imports when it runs, so that start is fast. */
const commands: readonly ((program: Command, io: Io) => void)[] = [addServe, addDemo];

export function createProgram(io: Io): Command {
  const program = new Command('rx-oauth-callback')
    .description(
      'Every OAuth redirect as an event: sign-ins from a terminal, and a callback service for others.',
    )
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .helpCommand(false)
    .showSuggestionAfterError()
    .configureHelp({ sortSubcommands: false, helpWidth: 100 })
    .addHelpText('afterAll', `\nExit codes:\n${exitCodeTable()}`);
  // Before the commands, which inherit it.
  program.exitOverride().configureOutput({
    writeOut: (text) => void io.stdout.write(text),
    writeErr: (text) => void io.stderr.write(text),
    outputError: (text, write) => write(withoutValue(text)),
  });
  for (const add of commands) add(program, io);
  return program;
}

/** Put in by the build. */
declare const __VERSION__: string;
const version = typeof __VERSION__ === 'string' ? __VERSION__ : 'of the source';

function exitCodeTable(): string {
  return Object.entries(meanings)
    .map(([name, meaning]) => `  ${String(exitCodes[name as keyof typeof exitCodes]).padEnd(4)}  ${meaning}`)
    .join('\n');
}

/** A mistyped `--tokn=…` is named without what it was given, which may be a secret. */
function withoutValue(text: string): string {
  return `rx-oauth-callback: ${text.replace(/^error: /, '').replace(/'(--?[\w-]+)=[^']*'/g, "'$1'")}`;
}
