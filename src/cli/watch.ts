import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Disposition } from '../redirect.ts';
import type { ServerEvent } from '../events.ts';
import type { Io } from './io.ts';

/** As commander gives them. */
export interface WatchOptions {
  token?: string;
  type?: readonly string[];
  disposition?: readonly string[];
  flow?: readonly string[];
  history?: true;
  json?: boolean;
}

// Records, so that the compiler names the one that is missing.
const types: Readonly<Record<ServerEvent['type'], true>> = {
  listening: true,
  begun: true,
  redirect: true,
  settled: true,
  finished: true,
  expired: true,
  cancelled: true,
  closed: true,
};

const dispositions: Readonly<Record<Disposition, true>> = {
  accepted: true,
  unmatched: true,
  duplicate: true,
  late: true,
  held: true,
  wrong_redirect_uri: true,
  wrong_response_mode: true,
  wrong_issuer: true,
  malformed: true,
  refused: true,
};

/** `watch`: the redacted feed of a service, as it happens. */
export function addWatch(program: Command, io: Io): void {
  program
    .command('watch')
    .summary('watch the sign-ins of a service')
    .description(
      'Shows the sign-ins of a callback service as they happen, redacted: a table on a terminal, and a line of JSON for each event where the output is piped. Comes back by itself when the connection breaks.',
    )
    .argument('<url>', 'wss: URL of the service’s bridge; ws: on loopback')
    .addOption(
      new Option('--token <token>', 'token with the role monitor; better in the environment').env(
        'RX_OAUTH_CALLBACK_TOKEN',
      ),
    )
    .addOption(listOption('--type <type>', 'only events of this type', Object.keys(types)))
    .addOption(
      listOption('--disposition <name>', 'only redirects with this disposition', Object.keys(dispositions)),
    )
    .addOption(listOption('--flow <id>', 'only events of this flow'))
    .option('--history', 'begin with the events that the service has kept')
    .option('--json', 'lines of JSON on a terminal too')
    .option('--no-json', 'lines of text for people where the output is piped')
    .addHelpText('after', help)
    .action(async (url: string, options: WatchOptions) => {
      const { watch } = await import('./watch/run.ts');
      await watch(url, options, io);
    });
}

/** One that can be repeated; any of its values will do. */
function listOption(flag: string, what: string, choices?: readonly string[]): Option {
  const named = choices ? `: ${choices.join(', ')}` : '';
  return new Option(flag, `${what}; repeatable${named}`).argParser(
    (text: string, before: readonly string[] | undefined) => {
      if (choices && !choices.includes(text))
        throw new InvalidArgumentError(`It must be one of ${choices.join(', ')}.`);
      return [...(before ?? []), text];
    },
  );
}

const help = `
--type, --disposition and --flow choose the rows of the table; its counts stay whole.

Where events were lost, a line {"type":"missed","count":N} stands in their place, without a count after the
service has restarted. Ctrl-C ends it, with 0; a service that cannot be reached, or that does not take the
token, with 4.

Examples:
  $ rx-oauth-callback watch ws://127.0.0.1:8080/bridge --type redirect --disposition malformed
  $ RX_OAUTH_CALLBACK_TOKEN=… rx-oauth-callback watch wss://sign-in.example/bridge
  $ rx-oauth-callback watch wss://sign-in.example/bridge --history | jq 'select(.type == "settled")'`;
