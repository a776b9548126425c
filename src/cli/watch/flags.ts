import type { WatchOptions } from './options.ts';
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Disposition } from '../../model/redirect.ts';
import type { ServerEvent } from '../../model/events.ts';
import type { Io } from '../io.ts';
import { OptionWithValues } from '../option-with-values.ts';

// Records, so that the compiler names a type that is missing.
const types: Readonly<Record<ServerEvent['type'], true>> = {
  listening: true,
  begun: true,
  redirect: true,
  answered: true,
  settled: true,
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
  wrong_browser: true,
  unconfirmed: true,
  malformed: true,
  refused: true,
};

/** Adds the command `watch`, which shows the redacted feed of a service. */
export function addWatch(program: Command, io: Io): void {
  program
    .command('watch')
    .summary('watch the sign-ins of a service')
    .description(
      'Shows the sign-ins of a callback service as they happen, redacted: a table on a terminal, and a line of JSON for each event if the output is piped. Reconnects if the connection breaks.',
    )
    .argument('<url>', 'wss: URL of the service’s bridge; ws: on loopback')
    .addOption(
      new Option('--token <token>', 'token with the role monitor; safer in the environment').env(
        'RX_OAUTH_CALLBACK_TOKEN',
      ),
    )
    .addOption(listOption('--type <type>', 'show only events of this type', Object.keys(types)))
    .addOption(
      listOption(
        '--disposition <name>',
        'show only redirects with this disposition',
        Object.keys(dispositions),
      ),
    )
    .addOption(listOption('--flow <id>', 'show only events of this flow'))
    .option('--history', 'start with the events that the service has kept')
    .option('--json', 'print JSON lines even on a terminal')
    .option('--no-json', 'print text lines if the output is piped')
    .addHelpText('after', help)
    .action(async (url: string, options: WatchOptions) => {
      const { watch } = await import('./run.ts');
      await watch(url, options, io);
    });
}

/** Creates an option that can be repeated. */
function listOption(flag: string, what: string, choices?: readonly string[]): Option {
  const named = choices ? `: ${choices.join(', ')}` : '';
  const meaning = `${what}; repeatable${named}`;
  const option = choices ? new OptionWithValues(flag, meaning, choices) : new Option(flag, meaning);
  return option.argParser((text: string, before: readonly string[] | undefined) => {
    if (choices && !choices.includes(text))
      throw new InvalidArgumentError(`It must be one of ${choices.join(', ')}.`);
    return [...(before ?? []), text];
  });
}

const help = `
--type, --disposition and --flow select the rows of the table; the counts cover all events.

If events were lost, the line {"type":"missed","count":N} replaces them; it has no count if the service
restarted. Ctrl-C stops the command with exit code 0. Keys of the table: q quits, / filters the rows by
words (Enter keeps the filter, Esc clears it), p pauses and goes on. The exit code is 4 if the service cannot be reached
or rejects the token.

Examples:
  $ rx-oauth-callback watch ws://127.0.0.1:8080/bridge --type redirect --disposition malformed
  $ RX_OAUTH_CALLBACK_TOKEN=… rx-oauth-callback watch wss://sign-in.example/bridge
  $ rx-oauth-callback watch wss://sign-in.example/bridge --history | jq 'select(.type == "answered")'`;
