/** The man page, made from the same table as the help. */
import manifest from '../package.json' with { type: 'json' };
import { commandTable, type CommandRow, type OptionRow } from '../src/cli/command-table.ts';
import { exitCodes, meanings } from '../src/cli/exit-codes.ts';
import { processIo } from '../src/cli/io.ts';
import { createProgram } from '../src/cli/program.ts';
import type { Document } from './documents.ts';

export const document: Document = {
  path: 'man/rx-oauth-callback.1',
  render: manPage,
  isMarkdown: false,
};

const variables = [
  ['RX_OAUTH_CALLBACK_TOKEN', 'token for the bridge of a callback service'],
  ['RX_OAUTH_CALLBACK_CLIENT_SECRET', 'secret of a confidential client, for login, token and logout'],
  ['RX_OAUTH_CALLBACK_CONFIG', 'JSON file with settings of serve'],
  ['RX_OAUTH_CALLBACK_LOGIN_CONFIG', 'JSON file with settings of login, and profiles of them'],
  ['RX_OAUTH_CALLBACK_LOGIN_PROFILE', 'profile in that file, for login, token and logout'],
  ['NO_COLOR', 'turns colours off'],
] as const;

/** Writes the page in the macros of man(7). */
export function manPage(): string {
  const { name, description, options, commands } = commandTable(createProgram(processIo()));
  return [
    `.TH ${name.toUpperCase()} 1 "" "${name} ${manifest.version}" "User Commands"`,
    '.SH NAME',
    `${escaped(name)} \\- ${escaped('sign in with OAuth from a terminal, or run a callback service')}`,
    '.SH SYNOPSIS',
    `.B ${escaped(name)}`,
    '.I command',
    '.RI [ option ]...',
    '.SH DESCRIPTION',
    text(description),
    '.SH OPTIONS',
    ...options.map(entry),
    '.SH COMMANDS',
    ...commands.map(section),
    '.SH ENVIRONMENT',
    ...variables.map(([variable, meaning]) => item(variable, meaning)),
    '.SH EXIT STATUS',
    ...Object.entries(meanings).map(([key, meaning]) =>
      item(String(exitCodes[key as keyof typeof exitCodes]), meaning),
    ),
    '.SH SEE ALSO',
    text('The guides and the reference are in the folder docs of the package.'),
    '',
  ].join('\n');
}

function section({ term, description, options, arguments: given, notes }: CommandRow): string {
  return [
    `.SS ${escaped(term)}`,
    text(description),
    ...given.map((argument) => item(argument.term, argument.meaning)),
    ...options.map(entry),
    ...notesOf(notes),
  ].join('\n');
}

function entry({ term, meaning }: OptionRow): string {
  return item(term, meaning);
}

function item(term: string, meaning: string): string {
  return `.TP\n.B ${escaped(term)}\n${text(meaning)}`;
}

/** Fills paragraphs, and leaves indented lines as they are. */
function notesOf(notes: string): string[] {
  if (notes === '') return [];
  const paragraphs = notes.split(/\n{2,}/).map((paragraph) => {
    const lines = paragraph.split('\n');
    const isIndented = (line: string): boolean => line.startsWith(' ');
    return lines.flatMap((line, index) => {
      const [before = false, now, after = false] = [lines[index - 1], line, lines[index + 1]].map(
        (each) => each !== undefined && isIndented(each),
      );
      return [...(now && !before ? ['.nf'] : []), text(line), ...(now && !after ? ['.fi'] : [])];
    });
  });
  return paragraphs.flatMap((lines) => ['.PP', ...lines]);
}

/** Escapes a line of text, which must not begin like a request. */
function text(line: string): string {
  return escaped(line).replace(/^(?=[.'])/, '\\&');
}

const characters: Readonly<Record<string, string>> = {
  '\\': '\\e',
  '-': '\\-',
  "'": '\\(aq',
  '`': '\\(ga',
  '"': '\\(dq',
  '^': '\\(ha',
  '~': '\\(ti',
  '…': '\\&...',
  '’': '\\(cq',
};

function escaped(line: string): string {
  return line.replace(/[\\\-'`"^~…’]/g, (character) => characters[character] ?? character);
}
