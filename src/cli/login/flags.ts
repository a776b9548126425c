import { Option, type Command } from 'commander';
import type { Io } from '../io.ts';
import type { LoginFlags } from './settings.ts';

const examples = `
Tokens are printed to stdout as JSON, everything else to stderr. Secrets are read from the environment:
  RX_OAUTH_CALLBACK_CLIENT_SECRET   secret of a confidential client
  RX_OAUTH_CALLBACK_TOKEN           token for --via

Examples:
  $ rx-oauth-callback login --issuer https://as.example --client-id my-cli --scope "openid profile" | jq -r .access_token
  $ rx-oauth-callback login --issuer https://as.example --scope openid --save tokens.json
  $ rx-oauth-callback login --issuer https://as.example --client-id my-cli --via wss://sign-in.example/bridge`;

const list = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** Adds the command `login`, which signs in from a terminal and prints the tokens. */
export function addLogin(program: Command, io: Io): void {
  program
    .command('login')
    .summary('sign in from a terminal')
    .description('Signs in at an authorization server in the browser, and prints the tokens.')
    .requiredOption('--issuer <url>', 'issuer of the authorization server, exactly as in its metadata')
    .option('--client-id <id>', 'client id (default: register a client, if the server supports it)')
    .option('--scope <scopes>', 'scopes to request, separated by spaces; repeatable', list)
    .option('--resource <uri>', 'resource that the tokens are for (RFC 8707); repeatable', list)
    .option('--param <name=value>', 'further parameter of the authorization URL; repeatable', list)
    .option('--port <port>', 'port of the redirect URI; 0 for a free one', '0')
    .option('--host <host>', 'host of the redirect URI: 127.0.0.1, ::1 or localhost', '127.0.0.1')
    .option('--callback-path <path>', 'path of the redirect URI', '/callback')
    .option('--timeout <seconds>', 'time limit of the sign-in', '600')
    .addOption(
      new Option('--client-auth <method>', 'how to send the client secret').choices(['basic', 'post']),
    )
    .option('--require-pkce', 'reject a server whose metadata does not list PKCE with S256')
    .option('--require-issuer', 'reject a response without an issuer (RFC 9207)')
    .option(
      '--save <file>',
      'write the tokens to a file that only you can read, instead of stdout; use or refresh saved ones',
    )
    .option('--refresh', 'get new tokens even if the saved ones are still valid')
    .option(
      '--via <url>',
      'bridge of the callback service that receives the redirect, instead of this machine',
    )
    .option('--token <token>', 'token for --via; safer in the environment')
    .option('--browser', 'open the browser even if none seems to be available')
    .option('--no-browser', 'do not open a browser; print the URL and accept a pasted redirect URL')
    .addHelpText('after', examples)
    .action(async (flags: LoginFlags) => {
      const { login } = await import('./run.ts');
      await login(flags, io);
    });
}
