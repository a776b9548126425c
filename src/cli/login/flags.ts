import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { byKey, optionsOf } from '../settings/flags.ts';
import type { Flags } from '../settings/layers.ts';
import { settingsOf } from './table.ts';

const settings = settingsOf('login');

const help = `
Tokens are printed to stdout as JSON, everything else to stderr.

Each option but --refresh can also be set in the environment, such as --issuer by RX_OAUTH_CALLBACK_LOGIN_ISSUER
(several values separated by spaces), or in the file. A flag overrides the environment, the environment
overrides the profile, and the profile overrides the rest of the file. The file is
$XDG_CONFIG_HOME/rx-oauth-callback/login.json or ~/.config/rx-oauth-callback/login.json, if no other is named:

  { "clientId": "my-cli", "profiles": { "work": { "issuer": "https://as.example", "save": "work.json" } } }

Secrets have variables with other names, and may be in a file that only you can read:
  RX_OAUTH_CALLBACK_CLIENT_SECRET   secret of a confidential client (clientSecret)
  RX_OAUTH_CALLBACK_TOKEN           token for --via (token)

Examples:
  $ rx-oauth-callback login --issuer https://as.example --client-id my-cli --scope "openid profile" | jq -r .access_token
  $ rx-oauth-callback login --issuer https://as.example --scope openid --save tokens.json
  $ rx-oauth-callback login --profile work
  $ rx-oauth-callback login --mcp https://mcp.example/mcp --save mcp.json
  $ rx-oauth-callback login --issuer https://as.example --client-id my-cli --via wss://sign-in.example/bridge`;

/** Adds the command `login`, which signs in from a terminal and prints the tokens. */
export function addLogin(program: Command, io: Io): void {
  const command = program
    .command('login')
    .summary('sign in from a terminal')
    .description('Signs in at an authorization server in the browser, and prints the tokens.');
  for (const option of settings.flatMap(optionsOf)) command.addOption(option);
  command
    .optionsGroup('Saved tokens:')
    .option('--refresh', 'get new tokens even if the saved ones are still valid')
    .addHelpText('after', help)
    .action(async (given: Flags & { refresh?: boolean }) => {
      const { login } = await import('./run.ts');
      await login({ ...byKey(settings, given), refresh: given.refresh === true }, io);
    });
}
