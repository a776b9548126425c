import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { settingsOf } from '../login/table.ts';
import { byKey, optionsOf } from '../settings/flags.ts';
import type { Flags } from '../settings/layers.ts';

const settings = settingsOf('redirect-uri');

const help = `
The redirect URI is printed to stdout, and what authorization servers want to stderr. With --issuer it is one of its own for that
server, the same each time: login then needs the --context that is printed. Flags, variables and files are those of login.

Examples:
  $ rx-oauth-callback redirect-uri --port 53682
  $ rx-oauth-callback redirect-uri --port 53682 --issuer https://as.example
  $ rx-oauth-callback redirect-uri --profile work`;

/** Adds the command `redirect-uri`, which prints the redirect URI of `login`. */
export function addRedirectUri(program: Command, io: Io): void {
  const command = program
    .command('redirect-uri')
    .summary('print the redirect URI to register for login')
    .description('Prints the redirect URI that login uses, to register at an authorization server.')
    .addHelpText('after', help)
    .action(async (flags: Flags) => {
      const { printRedirectUri } = await import('./run.ts');
      printRedirectUri(byKey(settings, flags), io);
    });
  for (const option of settings.flatMap(optionsOf)) command.addOption(option);
}
