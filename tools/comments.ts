/** Finds the prose of comments in TypeScript, JavaScript and Python. */
import ts from 'typescript';

/** A comment as a reader sees it: without markers, directives and example code. */
export interface Comment {
  /** Line of the file on which the comment begins, from 1. */
  readonly line: number;
  /** Prose, with the line breaks of the source, so that a place in it can be named. */
  readonly text: string;
}

interface Found extends Comment {
  /** Last line, from 1. */
  readonly last: number;
  /** Set if the comment is a line comment on a line without code, so that the next line may continue it. */
  readonly continues: boolean;
}

/** Returns the comments of a file, in order. Line comments on consecutive lines count as one. */
export function commentsOf(file: string, text: string): Comment[] {
  const found = file.endsWith('.py') ? inPython(text) : inTypeScript(file, text);
  return joined(found)
    .map(({ line, text: raw }) => ({ line, text: proseOf(raw) }))
    .filter((comment) => /\p{L}/u.test(comment.text));
}

function inTypeScript(file: string, text: string): Found[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const scanner = ts.createScanner(ts.ScriptTarget.Latest, false);
  const found: Found[] = [];
  const lineAt = (position: number): number => source.getLineAndCharacterOfPosition(position).line + 1;

  // Only the scanner of a parsed file can tell a comment from the text of a string, template or regular expression.
  const scan = (start: number, end: number): void => {
    scanner.setText(text, start, end - start);
    for (let kind = scanner.scan(); kind !== ts.SyntaxKind.EndOfFileToken; kind = scanner.scan()) {
      const isLine = kind === ts.SyntaxKind.SingleLineCommentTrivia;
      if (!isLine && kind !== ts.SyntaxKind.MultiLineCommentTrivia) continue;
      const raw = scanner.getTokenText();
      const at = scanner.getTokenStart();
      const alone = text.slice(text.lastIndexOf('\n', at - 1) + 1, at).trim() === '';
      found.push({
        line: lineAt(at),
        last: lineAt(scanner.getTokenEnd()),
        text: isLine ? raw.slice(2) : raw.slice(2, -2),
        continues: isLine && alone,
      });
    }
  };
  const visit = (node: ts.Node): void => {
    if (ts.isToken(node)) scan(node.pos, node.getStart(source));
    else if (!ts.isJSDoc(node)) node.getChildren(source).forEach(visit);
  };
  visit(source);
  return found;
}

const pythonToken = /("""|''')(?<docstring>.*?)\1|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|#(?<line>[^\n]*)/gs;

function inPython(text: string): Found[] {
  const withoutShebang = text.replace(/^#!.*/, '');
  return [...withoutShebang.matchAll(pythonToken)].flatMap((match): Found[] => {
    const { docstring, line: rest } = match.groups!;
    const before = withoutShebang.slice(0, match.index);
    const line = before.split('\n').length;
    const alone = before.slice(before.lastIndexOf('\n') + 1).trim() === '';
    if (docstring !== undefined)
      return alone
        ? [{ line, last: line + docstring.split('\n').length - 1, text: docstring, continues: false }]
        : [];
    return rest === undefined ? [] : [{ line, last: line, text: rest, continues: alone }];
  });
}

/** Joins line comments on consecutive lines. A directive of a tool is no part of the comment around it. */
function joined(found: readonly Found[]): Found[] {
  const all: Found[] = [];
  for (const each of found) {
    const before = all.at(-1);
    const isNext = before?.continues && each.continues && each.line === before.last + 1;
    if (isNext && !isDirective(before) && !isDirective(each))
      all[all.length - 1] = { ...before, last: each.last, text: `${before.text}\n${each.text}` };
    else all.push(each);
  }
  return all.filter((each) => !isDirective(each) && !isLicence(each));
}

function isDirective({ text }: Comment): boolean {
  return /^\s*(?:eslint-|prettier-ignore|[#@]__PURE__|noqa\b|type:)/.test(text);
}

function isLicence({ text }: Comment): boolean {
  return /^!|@licen[cs]e\b|\bSPDX-License-Identifier\b/.test(text);
}

/** Returns the prose of a comment, in as many lines as the source has. */
function proseOf(raw: string): string {
  const [first = '', ...others] = raw.split('\n');
  const lines = [first.replace(/^\*/, ''), ...others.map((line) => line.replace(/^\s*\*/, ''))];
  return lines
    .join('\n')
    .replace(/^\s*@ts-(?:expect-error|ignore|nocheck)/, '')
    .replace(/^[ \t]*```.*?^[ \t]*```/gms, lineBreaks)
    .replace(/`[^`\n]*`/g, 'code')
    .replace(/@example\b.*?(?=^\s*@\w|(?![^]))/gms, lineBreaks);
}

function lineBreaks(text: string): string {
  return text.replace(/[^\n]/g, '');
}
