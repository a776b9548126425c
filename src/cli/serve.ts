import { Option, type Command } from 'commander';
import type { Io } from './io.ts';
import { groups, nameOf, settings, variableOf, type Setting } from './serve/settings.ts';
import type { Flags } from './serve/layers.ts';

/** `serve`: the callback service, with its bridge. */
export function addServe(program: Command, io: Io): void {
  const command = program
    .command('serve')
    .summary('run a callback service')
    .description(
      'Runs a callback service: redirects come in, and each result goes over WebSocket to the program that waits for it.',
    )
    .addHelpText('after', help);
  for (const group of groups) {
    for (const setting of settings) {
      if (setting.group !== group) continue;
      command.addOption(optionOf(setting));
      if (setting.not !== undefined) command.addOption(oppositeOf(setting, setting.not));
    }
  }
  command.addOption(new Option('--config <file>', 'JSON file with any of these').helpGroup('Operation:'));
  command.action(async (given: Flags) => {
    const { serve } = await import('./serve/service.ts');
    await serve(byKey(given), io);
  });
}

function optionOf(setting: Setting): Option {
  const option = new Option(setting.flag, setting.what).helpGroup(setting.group);
  if (setting.reads === 'switch') return option;
  return option.argParser((text, before: string[] | undefined) => [...(before ?? []), text]);
}

function oppositeOf(setting: Setting, what: string): Option {
  return new Option(nameOf(setting).replace('--', '--no-'), what).helpGroup(setting.group);
}

/** From commander's names to those of the file. */
function byKey(given: Flags): Flags {
  const flags = settings.map((setting) => [setting.key, given[optionOf(setting).attributeName()]] as const);
  return { config: given['config'], ...Object.fromEntries(flags) };
}

const [first] = settings as readonly [Setting];

const help = `
Each option can also be given in the environment, ${nameOf(first)} as ${variableOf(first)} and so on
(several values separated by spaces), or in the file. Flags come before the environment, and that before
the file. Without --token or --tokens a token is made and printed once.

/metrics, /healthz and /readyz answer to a token with the role monitor, or on --metrics-port.
SIGTERM, Ctrl-C and closing its terminal drain, Ctrl-C again ends at once, SIGHUP reads tokens and
certificate again.

Examples:
  $ rx-oauth-callback serve --port 8080 --public-url https://sign-in.example --tokens tokens.json
  $ RX_OAUTH_CALLBACK_TOKEN=$(openssl rand -hex 32) rx-oauth-callback serve --port 8080 --json
  $ rx-oauth-callback serve --config serve.json --log-level debug`;
