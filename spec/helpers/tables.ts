/** Tables of documents, for specs that compare them with the code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './consumer.ts';

/** Returns the rows of the tables of a document whose first column has that title, each as its cells. */
export function rowsOf(path: string, title: string): string[][] {
  return rowsIn(readFileSync(join(root, path), 'utf8'), title);
}

/** As `rowsOf`, in a text. Throws if the text has no such table. */
export function rowsIn(text: string, title: string): string[][] {
  const tables = text
    .split(/\n(?!\|)/)
    .map((part) => part.split('\n').filter((line) => line.startsWith('|')));
  const found = tables.filter(([head = '']) => cellsOf(head)[0] === title);
  if (found.length === 0) throw new Error(`there is no table with the first column ${title}`);
  return found.flatMap(([, , ...rows]) => rows.map(cellsOf));
}

/** Returns the text of each code span in a cell, without anchors. */
export function namesIn(cell = ''): string[] {
  return [...cell.matchAll(/`([^`]*)`/g)].map(([, name = '']) => name.replaceAll('\\|', '|'));
}

/** Returns the names in the first column, one for each row. */
export function namesOf(path: string, title: string): string[] {
  return rowsOf(path, title).map(([first]) => namesIn(first)[0] ?? '');
}

function cellsOf(row: string): string[] {
  return row
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
}
