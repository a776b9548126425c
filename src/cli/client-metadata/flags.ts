import type { Command } from 'commander';
import type { Io } from '../io.ts';
import type { ClientMetadataFlags } from './options.ts';

const help = `
Publish the document at its URL, with the media type application/json. Then sign in with login --client-metadata-url <url>.
Without --port the redirect URI has no port: a server that follows RFC 8252 section 7.3 then takes any.

Examples:
  $ rx-oauth-callback client-metadata --url https://client.example/cli.json --client-name "My CLI" > cli.json
  $ rx-oauth-callback client-metadata --url https://client.example/cli.json --port 53682 --port 53683`;

const list = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** Adds the command `client-metadata`, which prints the document that a client is known by. */
export function addClientMetadata(program: Command, io: Io): void {
  program
    .command('client-metadata')
    .summary('print a client metadata document to publish')
    .description('Prints a document whose URL is a client id, so that a program needs no registration.')
    .requiredOption('--url <url>', 'URL at which you publish the document: https, with a path')
    .option('--client-name <name>', 'name that authorization servers show to users')
    .option('--port <port>', 'port of the redirect URI; repeatable', list)
    .option('--callback-path <path>', 'path of the redirect URI (default: "/callback")')
    .option('--redirect-uri <uri>', 'whole redirect URI, such as that of a service; repeatable', list)
    .option('--scope <scopes>', 'scopes that the client may request, separated by spaces; repeatable', list)
    .option('--device', 'name the device grant too (RFC 8628)')
    .option('--dpop', 'demand that tokens are bound to a key (RFC 9449)')
    .addHelpText('after', help)
    .action(async (flags: ClientMetadataFlags) => {
      const { printClientMetadata } = await import('./run.ts');
      printClientMetadata(flags, io);
    });
}
