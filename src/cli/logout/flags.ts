import { Option, type Command } from 'commander';
import type { Io } from '../io.ts';
import type { LogoutFlags } from './options.ts';

const help = `
The refresh token is revoked first, then the access token (RFC 7009). If the authorization server has no
revocation endpoint, cannot be reached or rejects the request, the file is kept, so that you can try again.
With --forget it is deleted all the same; the tokens then stay valid at the server until they expire.

The secret of a confidential client is read from the environment:
  RX_OAUTH_CALLBACK_CLIENT_SECRET   secret of a confidential client

Examples:
  $ rx-oauth-callback logout tokens.json
  $ rx-oauth-callback logout --forget tokens.json`;

/** Adds the command `logout`, which revokes the tokens of a file that `login --save` wrote, and deletes the file. */
export function addLogout(program: Command, io: Io): void {
  program
    .command('logout')
    .summary('revoke the tokens of a saved sign-in, and forget them')
    .description(
      'Revokes the tokens in a file that login --save wrote at their authorization server, and deletes the file.',
    )
    .argument('<file>', 'file that login --save wrote')
    .option('--forget', 'delete the file even if the tokens cannot be revoked')
    .addOption(
      new Option('--client-auth <method>', 'how to send the client secret').choices(['basic', 'post']),
    )
    .option('--timeout <seconds>', 'how long to wait for another command that uses the file', '60')
    .addHelpText('after', help)
    .action(async (file: string, flags: LogoutFlags) => {
      const { logout } = await import('./run.ts');
      await logout(file, flags, io);
    });
}
