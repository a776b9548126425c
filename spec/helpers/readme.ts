/** README.md, taken apart. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './consumer.ts';

export const readme = readFileSync(join(root, 'README.md'), 'utf8');

export interface CodeBlock {
  readonly language: string;
  readonly text: string;
  /** The heading it stands under. */
  readonly heading: string;
  readonly line: number;
}

/** Every fenced block, in order. */
export function codeBlocks(): CodeBlock[] {
  return [...readme.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(({ 1: language = '', 2: text = '', index }) => {
    const before = readme.slice(0, index);
    // A `#` within a block is a comment, not a heading.
    const heading = before
      .replace(/^```.*?^```$/gms, '')
      .match(/^#+ .*$/gm)
      ?.at(-1);
    return {
      language,
      text,
      heading: heading?.replace(/^#+ /, '') ?? '',
      line: before.split('\n').length + 1,
    };
  });
}

/** The cells of every table row under a heading, up to the next one. */
export function rowsUnder(heading: string): string[][] {
  const section = readme.split(/^#+ /m).find((text) => text.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`README.md has no heading "${heading}"`);
  return section
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|[\s|:-]+$/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** What stands in backticks in the first cell of the rows under a heading, of the table with that first column. */
export function namesUnder(heading: string, column: string): string[] {
  const rows = rowsUnder(heading);
  const start = rows.findIndex(([first]) => first === column);
  if (start < 0) throw new Error(`"${heading}" has no table with the first column ${column}`);
  const names: string[] = [];
  for (const [first = ''] of rows.slice(start + 1)) {
    const name = /^`(.*)`$/.exec(first)?.[1];
    // The head of the next table.
    if (name === undefined) break;
    names.push(name);
  }
  return names;
}
