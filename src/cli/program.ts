import { version } from '../base/version.ts';
import { Command } from 'commander';
import { exitCodes, meanings } from './exit-codes.ts';
import type { Io } from './io.ts';
import { addClientMetadata } from './client-metadata/flags.ts';
import { addCompletion } from './completion/flags.ts';
import { addDemo } from './demo/flags.ts';
import { addHelp } from './help/flags.ts';
import { addLogin } from './login/flags.ts';
import { addLogout } from './logout/flags.ts';
import { addRedirectUri } from './redirect-uri/flags.ts';
import { addServe } from './serve/flags.ts';
import { addToken } from './token/flags.ts';
import { requireKnownVariables } from './variables.ts';
import { addWatch } from './watch/flags.ts';

/** Functions that each add a command. A command imports its implementation when it runs, so that start is fast. */
const commands: readonly ((program: Command, io: Io) => void)[] = [
  addServe,
  addLogin,
  addToken,
  addLogout,
  addRedirectUri,
  addClientMetadata,
  addWatch,
  addDemo,
  addCompletion,
  addHelp,
];

/** Creates the program with all its commands. */
export function createProgram(io: Io): Command {
  const program = new Command('rx-oauth-callback')
    .description(
      'Every OAuth redirect as an event: sign in from a terminal, or run a callback service for other programs.',
    )
    .version(version, '-v, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
    .showSuggestionAfterError()
    .configureHelp({ sortSubcommands: false, helpWidth: 100 })
    .addHelpText('afterAll', `\nExit codes:\n${exitCodeTable()}`);
  // Set before the commands are added, because they inherit it.
  program.exitOverride().configureOutput({
    writeOut: (text) => void io.stdout.write(text),
    writeErr: (text) => void io.stderr.write(text),
    outputError: (text, write) => write(withoutValue(text)),
  });
  for (const add of commands) add(program, io);
  program.hook('preAction', () => requireKnownVariables(io.env));
  return program;
}

function exitCodeTable(): string {
  return Object.entries(meanings)
    .map(([name, meaning]) => `  ${String(exitCodes[name as keyof typeof exitCodes]).padEnd(4)}  ${meaning}`)
    .join('\n');
}

/** Removes the value from a message about a mistyped `--tokn=…`: it may be a secret. */
function withoutValue(text: string): string {
  return `rx-oauth-callback: ${text.replace(/^error: /, '').replace(/'(--?[\w-]+)=[^']*'/g, "'$1'")}`;
}
