import { Option, type Command } from 'commander';
import type { Io } from '../io.ts';
import { byKey, optionsOf } from '../settings/flags.ts';
import type { Flags } from '../settings/layers.ts';
import { nameOf, variableOf, type Setting } from '../settings/setting.ts';
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
    await serve({ config: given['config'], ...byKey(settings, given) }, io);
  });
}

const [first] = settings as readonly [Setting];

const help = `
Each option can also be set in the environment, such as ${nameOf(first)} by ${variableOf(first)}
(several values separated by spaces), or in the file. A flag overrides the environment, and the
environment overrides the file. An unknown variable with this prefix is an error. Relative paths in
the file are resolved from its folder. A duration is in milliseconds, or has a unit: 500ms, 30s, 10m
or 1h. If neither --token nor --tokens is set, the service makes a
token and prints it once.

/metrics, /healthz and /readyz require a token with the role monitor, except on --metrics-port
and --health-port.
SIGTERM, Ctrl-C and closing the terminal drain the service; a second Ctrl-C stops it immediately.
SIGHUP reloads tokens and certificate.

Examples:
  $ rx-oauth-callback serve --port 8080 --public-url https://sign-in.example --tokens tokens.json
  $ RX_OAUTH_CALLBACK_TOKEN=$(openssl rand -hex 32) rx-oauth-callback serve --port 8080 --json
  $ rx-oauth-callback serve --config serve.json --log-level debug`;
