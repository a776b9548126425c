/**
 * `npm run english -- [--list] [PATH…]`: measures the English of comments, and fails if it is beyond the bounds of the
 * house style. `--list` prints each place; a path measures only files whose name begins with it.
 *
 * A comment that begins with a pronoun or preposition of the list has no actor and no verb yet, so that a reader must
 * hold the sentence in mind until its end.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { commentsOf, type Comment } from './comments.ts';

/** Words that a comment should not begin with. */
export const beginnings = [
  ...['What', 'Whether', 'Who', 'Whose', 'Of', 'By', 'Where', 'Those', 'One', 'So'],
  ...['Somebody', 'Nobody', 'Whoever'],
] as const;

/** Largest part of all comments that may begin with one of them. */
export const mostBeginnings = 0.01;

/** Largest part of all words that may be `where`. */
export const mostWheres = 0.001;

/** A place in a comment that counts against a bound. */
export interface Place {
  /** Line of the file, from 1. */
  readonly line: number;
  /** Line of the comment. */
  readonly text: string;
}

/** Counts of one file, of one folder or of all. */
export interface English {
  readonly comments: number;
  readonly words: number;
  readonly begun: readonly Place[];
  readonly wheres: readonly Place[];
}

const none: English = { comments: 0, words: 0, begun: [], wheres: [] };
const beginning = new RegExp(`^[^\\p{L}]*(?:${beginnings.join('|')})(?![\\p{L}])`, 'iu');

/** Measures the comments of a file. */
export function englishOf(file: string, text: string): English {
  return commentsOf(file, text).map(englishOfComment).reduce(sum, none);
}

function englishOfComment({ line, text }: Comment): English {
  const lines = text.split('\n').map((each, index) => ({ line: line + index, text: each.trim() }));
  const first = lines.find((each) => /\p{L}/u.test(each.text))!;
  return {
    comments: 1,
    words: text.match(/[\p{L}\d][\p{L}\d'’-]*/gu)?.length ?? 0,
    begun: beginning.test(first.text) ? [first] : [],
    wheres: lines.flatMap((each) => (each.text.match(/\bwhere\b/gi) ?? []).map(() => each)),
  };
}

/** Adds counts. */
export function sum(one: English, other: English): English {
  return {
    comments: one.comments + other.comments,
    words: one.words + other.words,
    begun: [...one.begun, ...other.begun],
    wheres: [...one.wheres, ...other.wheres],
  };
}

/** Tells if both bounds hold. */
export function isWithinBounds({ comments, words, begun, wheres }: English): boolean {
  return begun.length <= comments * mostBeginnings && wheres.length <= words * mostWheres;
}

const folders = ['src', 'spec', 'bench', 'examples', 'tools'];

if (process.argv[1] === import.meta.filename) main();

function main(): void {
  const options = { list: { type: 'boolean', default: false } } as const;
  const { values, positionals } = parseArgs({ allowPositionals: true, options });
  const root = join(import.meta.dirname, '..');
  const rows = folders.map((folder): [string, English] => {
    const files = filesUnder(root, folder)
      .filter((file) => positionals.length === 0 || positionals.some((path) => file.startsWith(path)))
      .map((file): [string, English] => [file, englishOf(file, readFileSync(join(root, file), 'utf8'))]);
    if (values.list) for (const [file, english] of files) print(file, english);
    return [folder, files.map(([, english]) => english).reduce(sum, none)];
  });
  const all = rows.map(([, english]) => english).reduce(sum, none);
  const shown = rows.filter(([, { comments }]) => comments > 0);
  for (const [name, english] of [...shown, ['all', all] as const]) console.log(row(name, english));
  if (isWithinBounds(all)) return;
  const bounds = `at most ${mostBeginnings * 100} % and ${mostWheres * 1_000} in 1,000`;
  console.error(`The English of comments is beyond its bounds: ${bounds}. \`--list\` shows each place.`);
  process.exitCode = 1;
}

function filesUnder(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(?:[cm]?[jt]s|py)$/.test(file))
    .map((file) => join(folder, file))
    .sort();
}

function print(file: string, { begun, wheres }: English): void {
  for (const { line, text } of begun) console.log(`${file}:${line}: begins: ${text}`);
  for (const { line, text } of wheres) console.log(`${file}:${line}: where: ${text}`);
}

function row(name: string, { comments, words, begun, wheres }: English): string {
  const part = ((begun.length / comments) * 100).toFixed(1);
  const rate = ((wheres.length / words) * 1_000).toFixed(1);
  return [
    name.padEnd(10),
    `${begun.length} of ${comments} comments begin with a word of the list (${part} %)`.padEnd(66),
    `"where" ${wheres.length} times in ${words} words (${rate} in 1,000)`,
  ].join('');
}
