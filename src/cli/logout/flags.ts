import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { settingsOf } from '../login/table.ts';
import { byKey, optionsOf } from '../settings/flags.ts';
import type { Flags } from '../settings/layers.ts';
import type { LogoutFlags } from './options.ts';

const settings = settingsOf('logout');

const help = `
The refresh token is revoked first, then the access token (RFC 7009). If the authorization server has no
revocation endpoint, cannot be reached or rejects the request, the file is kept, so that you can try again.
With --forget it is deleted all the same; the tokens then stay valid at the server until they expire.

Without a file, the place is that of the configuration of login: RX_OAUTH_CALLBACK_LOGIN_SAVE, or save in its
file or profile. The secret of a confidential client is read from the environment, or from that file:
  RX_OAUTH_CALLBACK_CLIENT_SECRET   secret of a confidential client (clientSecret)

Examples:
  $ rx-oauth-callback logout tokens.json
  $ rx-oauth-callback logout --forget tokens.json`;

/** Adds the command `logout`, which revokes the tokens of a file that `login --save` wrote, and deletes the file. */
export function addLogout(program: Command, io: Io): void {
  const command = program
    .command('logout')
    .summary('revoke the tokens of a saved sign-in, and forget them')
    .description(
      'Revokes the tokens in a file that login --save wrote at their authorization server, and deletes the file.',
    )
    .argument('[file]', 'file that login --save wrote')
    .option('--forget', 'delete the file even if the tokens cannot be revoked')
    .option('--timeout <duration>', 'how long to wait for another command that uses the file', '60s')
    .addHelpText('after', help)
    .action(async (file: string | undefined, flags: LogoutFlags & Flags) => {
      const { logout } = await import('./run.ts');
      await logout(file, { ...flags, settings: byKey(settings, flags) }, io);
    });
  for (const option of settings.flatMap(optionsOf)) command.addOption(option);
}
