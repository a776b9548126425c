/** The documents that are made from the command: the settings of `serve` and `login`, every help, the exit codes, the man page. */
import { exitCodes, meanings } from '../src/cli/exit-codes.ts';
import { processIo } from '../src/cli/io.ts';
import { createProgram } from '../src/cli/program.ts';
import { describe, nameOf, oppositeOf, variableOf, type Setting } from '../src/cli/settings/setting.ts';
import { settingsOf } from '../src/cli/login/table.ts';
import { settings } from '../src/cli/serve/settings.ts';
import { cell, sentence, table, withPart, type Document } from './documents.ts';
import { document as manPage } from './man.ts';

/** Commands whose help the document has; the first is the program itself. */
export const commands = [
  '',
  'serve',
  'login',
  'token',
  'logout',
  'redirect-uri',
  'client-metadata',
  'watch',
  'demo',
  'completion',
  'help',
] as const;

export const documents: readonly Document[] = [
  {
    path: 'docs/reference/settings.md',
    render: (text) =>
      withPart(
        withPart(text, 'settings', settingsTable()),
        'settings of login',
        settingsTable(settingsOf('login')),
      ),
  },
  {
    path: 'docs/reference/cli.md',
    render: async (text) => {
      let rendered = withPart(text, 'exit codes', exitCodeTable());
      for (const command of commands) {
        const help = `\`\`\`text\n${await helpOf(command)}\`\`\``;
        rendered = withPart(rendered, `help of ${command || 'the program'}`, help);
      }
      return rendered;
    },
  },
  manPage,
];

/** Renders settings as a table. */
export function settingsTable(all: readonly Setting[] = settings): string {
  return table(
    ['Flag', 'Variable', 'In the file', 'What it says'],
    all.map((setting) => [
      ...[
        setting.flag && nameOf(setting),
        variableOf(setting),
        setting.inFile === false ? undefined : setting.key,
      ].map((name) => (name === undefined ? '—' : `\`${name}\``)),
      meaningOf(setting),
    ]),
  );
}

function meaningOf(setting: Setting): string {
  const { sentence: given, opposite } = setting;
  const described = given === undefined ? `one of ${describe(setting)}` : describe(setting);
  const whole =
    opposite === undefined ? described : `${described}; \`${oppositeOf(setting)}\` is its opposite`;
  return sentence(cell(whole));
}

function exitCodeTable(): string {
  return table(
    ['Code', 'Meaning'],
    Object.entries(meanings).map(([name, meaning]) => [
      `\`${exitCodes[name as keyof typeof exitCodes]}\``,
      sentence(cell(meaning)),
    ]),
  );
}

/** Made once, because each one listens to the streams of the process. */
const io = processIo();

/** Renders the help of a command, or of the program. */
export async function helpOf(command: (typeof commands)[number]): Promise<string> {
  let text = '';
  const stdout = { write: (part: string) => (text += part) };
  const program = createProgram({ ...io, stdout: stdout as unknown as NodeJS.WriteStream });
  const args = command === '' ? ['--help'] : [command, '--help'];
  // Commander ends a program that shows its help by an error.
  await program.parseAsync(args, { from: 'user' }).catch(() => undefined);
  return text;
}
