import { Option, type Command } from 'commander';
import type { Io } from './io.ts';
import type { LoginFlags } from './login/settings.ts';

const examples = `
The tokens go to stdout as JSON, all else to stderr. Secrets that come from the environment:
  RX_OAUTH_CALLBACK_CLIENT_SECRET   secret of a confidential client
  RX_OAUTH_CALLBACK_TOKEN           token for --via

Examples:
  $ rx-oauth-callback login --issuer https://as.example --client-id my-cli --scope "openid profile" | jq -r .access_token
  $ rx-oauth-callback login --issuer https://as.example --scope openid --save tokens.json
  $ rx-oauth-callback login --issuer https://as.example --client-id my-cli --via wss://sign-in.example/bridge`;

const list = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** `login`: a sign-in from the terminal, for its tokens. */
export function addLogin(program: Command, io: Io): void {
  program
    .command('login')
    .description('sign in at an authorization server in the browser, and print the tokens')
    .requiredOption('--issuer <url>', 'issuer of the authorization server, exactly as its metadata has it')
    .option('--client-id <id>', 'client id; without one, a client is registered where the server offers that')
    .option('--scope <scopes>', 'what to ask for, separated by spaces')
    .option('--resource <uri>', 'what the tokens are for (RFC 8707); may be repeated', list)
    .option('--param <name=value>', 'further parameter of the authorization URL; may be repeated', list)
    .option('--port <port>', 'port of the redirect URI, 0 for a free one', '0')
    .option('--host <host>', 'host of the redirect URI: 127.0.0.1, ::1 or localhost', '127.0.0.1')
    .option('--callback-path <path>', 'path of the redirect URI', '/callback')
    .option('--timeout <seconds>', 'how long to wait for you', '600')
    .addOption(
      new Option('--client-auth <method>', 'how the client secret is sent').choices(['basic', 'post']),
    )
    .option('--require-pkce', 'refuse a server whose metadata does not say that it supports PKCE')
    .option('--require-issuer', 'refuse a response that does not name its issuer (RFC 9207)')
    .option(
      '--save <file>',
      'write the tokens to a file only you can read, in place of stdout; refreshes those it has',
    )
    .option(
      '--via <url>',
      'bridge of a callback service that receives the redirect, in place of this machine',
    )
    .option('--token <token>', 'token for --via; the environment is the safer place')
    .option('--browser', 'open the browser even where there seems to be none')
    .option('--no-browser', 'open none: print the URL, and take what you paste')
    .addHelpText('after', examples)
    .action(async (flags: LoginFlags) => {
      const { login } = await import('./login/command.ts');
      await login(flags, io);
    });
}
