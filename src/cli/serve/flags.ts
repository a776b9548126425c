import { Option, type Command } from 'commander';
import type { Io } from '../io.ts';
import { OptionWithValues } from '../option-with-values.ts';
import type { Flags } from './layers.ts';
import { describe, nameOf, oppositeOf, variableOf, type Setting } from './setting.ts';
import { settings } from './settings.ts';

/** Adds the command `serve`, which runs a callback service. */
export function addServe(program: Command, io: Io): void {
  const command = program
    .command('serve')
    .summary('run a callback service')
    .description(
      'Runs a callback service: receives redirects, and sends each result over WebSocket to the program that waits for it.',
    )
    .addHelpText('after', help);
  for (const option of settings.flatMap(optionsOf)) command.addOption(option);
  command.addOption(
    new Option('--config <file>', 'JSON file with any of these options').helpGroup('Operation:'),
  );
  command.action(async (given: Flags) => {
    const { serve } = await import('./run.ts');
    await serve(byKey(given), io);
  });
}

/** Creates the flag of a setting, and its opposite if there is one. */
export function optionsOf(setting: Setting): Option[] {
  const { group, opposite } = setting;
  const { flag, choices } = setting;
  const option = choices
    ? new OptionWithValues(flag, describe(setting), choices.map(String))
    : new Option(flag, describe(setting));
  option.helpGroup(group);
  if (setting.type !== 'switch')
    option.argParser((text, before: string[] | undefined) => [...(before ?? []), text]);
  return opposite === undefined
    ? [option]
    : [option, new Option(oppositeOf(setting), opposite).helpGroup(group)];
}

/** Renames flags from commander's names to the keys of their settings. */
function byKey(given: Flags): Flags {
  const flags = settings.map((setting) => {
    const option = new Option(setting.flag);
    return [setting.key, given[option.attributeName()]] as const;
  });
  return { config: given['config'], ...Object.fromEntries(flags) };
}

const [first] = settings as readonly [Setting];

const help = `
Each option can also be set in the environment, such as ${nameOf(first)} by ${variableOf(first)}
(several values separated by spaces), or in the file. A flag overrides the environment, and the
environment overrides the file. An unknown variable with this prefix is an error. Relative paths in
the file are resolved from its folder. If neither --token nor --tokens is set, the service makes a
token and prints it once.

/metrics, /healthz and /readyz require a token with the role monitor, except on --metrics-port
and --health-port.
SIGTERM, Ctrl-C and closing the terminal drain the service; a second Ctrl-C stops it immediately.
SIGHUP reloads tokens and certificate.

Examples:
  $ rx-oauth-callback serve --port 8080 --public-url https://sign-in.example --tokens tokens.json
  $ RX_OAUTH_CALLBACK_TOKEN=$(openssl rand -hex 32) rx-oauth-callback serve --port 8080 --json
  $ rx-oauth-callback serve --config serve.json --log-level debug`;
