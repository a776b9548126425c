/** Parts of documents that are made from the code, between two comments of the document. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';

export const root = join(import.meta.dirname, '..');

/** A document with generated parts. */
export interface Document {
  /** Path from the root of the repository. */
  readonly path: string;
  /** Puts the parts, as they are now, into the text of the document. */
  readonly render: (text: string) => string | Promise<string>;
  /** False for a document that is made as a whole, in another format. @default true */
  readonly isMarkdown?: boolean;
}

/** Returns the text of a document as it is, and as it must be. */
export async function compare(
  { path, render, isMarkdown = true }: Document,
  is = readFileSync(join(root, path), 'utf8'),
): Promise<{ is: string; mustBe: string }> {
  const rendered = await render(is);
  return { is, mustBe: isMarkdown ? await formatted(rendered) : rendered };
}

/**
 * Replaces a generated part.
 *
 * It is between the comments `<!-- NAME: … -->` and `<!-- end of NAME -->`, each on a line of its own.
 */
export function withPart(text: string, name: string, part: string): string {
  const place = new RegExp(`(?<=^<!-- ${name}:[^\\n]*-->\\n).*?(?=^<!-- end of ${name} -->$)`, 'ms');
  if (!place.test(text)) throw new Error(`the document has no comments "${name}:" and "end of ${name}"`);
  return text.replace(place, () => `\n${part}\n\n`);
}

/** Renders a table. A "|" in a cell must be escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return lines.join('\n');
}

/** Escapes what would end a cell or begin an element. Code keeps its "<". */
export function cell(text: string): string {
  return text
    .replace(/\s*\n\s*/g, ' ')
    .replace(/`[^`]*`|<(?!a id=)/g, (found) => (found === '<' ? '\\<' : found))
    .replace(/(?<!\\)\|/g, '\\|');
}

/** Begins a sentence of a table with a capital letter and ends it with a full stop. */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}

/** Formats Markdown as `npm run format` does. */
function formatted(text: string): Promise<string> {
  const options = JSON.parse(readFileSync(join(root, '.prettierrc.json'), 'utf8')) as object;
  return format(text, { ...options, parser: 'markdown' });
}
