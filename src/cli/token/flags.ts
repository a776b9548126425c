import { Option, type Command } from 'commander';
import type { Io } from '../io.ts';
import { settingsOf } from '../login/table.ts';
import { byKey, optionsOf } from '../settings/flags.ts';
import type { Flags } from '../settings/layers.ts';
import { formats, type TokenFlags } from './options.ts';

const settings = settingsOf('token');

const help = `
The saved access token is printed until a minute before it expires; then it is refreshed and saved again.
Several commands may use one file: they refresh it once. The refresh token is never printed.
The exit code is 7 if only a new sign-in can help: run login --save again.

Formats:
  token             the access token
  json              the fields of the token response, without the refresh token
  env               export ACCESS_TOKEN='…' and ACCESS_TOKEN_EXPIRES_AT, in seconds, for a shell
  header            Authorization: Bearer …
  exec-credential   ExecCredential for kubectl, with the API version that it asks for (v1 or v1beta1)

Without a file, the place is that of the configuration of login: RX_OAUTH_CALLBACK_LOGIN_SAVE, or save in its
file or profile. The secret of a confidential client is read from the environment, or from that file:
  RX_OAUTH_CALLBACK_CLIENT_SECRET   secret of a confidential client (clientSecret)

Examples:
  $ rx-oauth-callback login --issuer https://as.example --scope openid --save tokens.json
  $ rx-oauth-callback token --profile work
  $ curl -H @<(rx-oauth-callback token --format header tokens.json) https://api.example
  $ eval "$(rx-oauth-callback token --format env tokens.json)"
  $ rx-oauth-callback token --format exec-credential --id-token tokens.json`;

/** Adds the command `token`, which prints a valid access token from a file that `login --save` wrote. */
export function addToken(program: Command, io: Io): void {
  const command = program
    .command('token')
    .summary('print a valid access token from a saved sign-in')
    .description(
      'Prints a valid access token from a file that login --save wrote, and refreshes it shortly before it expires.',
    )
    .argument('[file]', 'file that login --save wrote')
    .addOption(new Option('--format <format>', 'what to print').choices(formats).default('token'))
    .option('--id-token', 'print the ID token in place of the access token')
    .option('--refresh', 'get a new token even if the saved one is still valid')
    .option('--timeout <duration>', 'how long to wait for another command that uses the file', '60s')
    .addHelpText('after', help)
    .action(async (file: string | undefined, flags: TokenFlags & Flags) => {
      const { token } = await import('./run.ts');
      await token(file, { ...flags, settings: byKey(settings, flags) }, io);
    });
  for (const option of settings.flatMap(optionsOf)) command.addOption(option);
}
