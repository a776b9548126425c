/** The documents that people read, taken apart: code blocks, headings and links, and the checks over them. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import ts from 'typescript';
import { slugOf } from '../../tools/slug.ts';
import { root, type Consumer } from './consumer.ts';

/** A fenced block. */
export interface Block {
  readonly language: string;
  /** True if the block is a whole program, which the specs also run. */
  readonly run: boolean;
  readonly text: string;
  /** Line of its first line of text. */
  readonly line: number;
}

export interface Link {
  readonly target: string;
  readonly line: number;
}

export interface Document {
  /** Path from the root of the repository. */
  readonly path: string;
  readonly blocks: readonly Block[];
  readonly links: readonly Link[];
  /** What a link may name after `#`. */
  readonly anchors: ReadonlySet<string>;
  /** Complaints about its form, such as a block that never ends. */
  readonly flaws: readonly string[];
}

/** Languages of blocks that are checked, and of those that are only shown. */
const checked = ['ts', 'js', 'json', 'sh'];
const shown = ['text', 'http', 'nginx', 'ini', 'yaml', 'html', 'css', 'toml', 'dockerfile', 'python'];

const skipped = ['node_modules', 'dist', 'artifacts', '.git', 'fixtures'];
/** Documents of the house, whose code blocks are fragments. */
const ofTheHouse = /^(?:bench|spec|examples)\//;
const generated = /^docs\/reference\/api\//;

/** Returns every document of the repository, for the checks of links. */
export function allDocuments(): Document[] {
  return pathsIn('').map((path) => documentOf(path, readFileSync(join(root, path), 'utf8')));
}

/** Returns true for a document whose code blocks are compiled and run. */
export function isForReaders({ path }: Document): boolean {
  return !ofTheHouse.test(path) && !generated.test(path);
}

function pathsIn(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skipped.includes(entry.name) ? [] : pathsIn(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

/** Takes a document apart. */
export function documentOf(path: string, text: string): Document {
  const blocks: Block[] = [];
  const links: Link[] = [];
  const flaws: string[] = [];
  const anchors = new Set<string>();
  let open: { fence: string; indent: string; info: string; line: number; lines: string[] } | undefined;
  for (const [index, content] of text.split('\n').entries()) {
    const line = index + 1;
    if (open) {
      if (content.trim() === open.fence) {
        const [language = '', mark, ...others] = open.info.split(/\s+/);
        const run = mark === 'run';
        if (![...checked, ...shown].includes(language) || others.length > 0 || (mark && !run))
          flaws.push(`${path}:${open.line} has a block of the unknown kind "${open.info}"`);
        blocks.push({ language, run, text: `${open.lines.join('\n')}\n`, line: open.line + 1 });
        open = undefined;
      } else open.lines.push(content.startsWith(open.indent) ? content.slice(open.indent.length) : content);
      continue;
    }
    const [, indent = '', fence, info = ''] = /^(\s*)(`{3,}|~{3,})\s*(.*?)\s*$/.exec(content) ?? [];
    if (fence) {
      open = { fence, indent, info, line, lines: [] };
      continue;
    }
    const heading = /^#{1,6} (.*)$/.exec(content)?.[1];
    if (heading !== undefined) addAnchor(anchors, slugOf(heading));
    for (const [, id = ''] of content.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id);
    for (const target of targetsIn(content)) links.push({ target, line });
  }
  if (open) flaws.push(`${path}:${open.line} has a block that never ends`);
  return { path, blocks, links, anchors, flaws };
}

function targetsIn(content: string): string[] {
  // What is shown as code is no link.
  const prose = content.replace(/(`+).+?\1/g, 'code');
  return [
    ...prose.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g),
    ...prose.matchAll(/^\s*\[[^\]]+\]:\s*<?([^\s>]+)/g),
    ...prose.matchAll(/<[^>]*\b(?:href|src|srcset)="([^"\s]+)/g),
  ].map(([, target = '']) => target);
}

function addAnchor(anchors: Set<string>, slug: string): void {
  let name = slug;
  for (let n = 1; anchors.has(name); n++) name = `${slug}-${n}`;
  anchors.add(name);
}

/** Returns a complaint for each relative link whose file or anchor does not exist. */
export function brokenLinks(documents: readonly Document[]): string[] {
  const byPath = new Map(documents.map((document) => [document.path, document]));
  return documents.flatMap(({ path, links }) =>
    links.flatMap(({ target, line }) => {
      if (/^[a-z][a-z\d+.-]*:/i.test(target)) return [];
      const [file = '', anchor] = target.split('#').map(decodeURIComponent);
      const place = file === '' ? path : normalize(join(dirname(path), file));
      const at = `${path}:${line} links to ${target}`;
      if (place.startsWith('..') || file.startsWith('/'))
        return [`${at}, which is outside of the repository`];
      const document = byPath.get(place);
      if (!document && !existsSync(join(root, place))) return [`${at}, but no such file`];
      if (anchor === undefined) return [];
      if (!document) return [`${at}, but only a document has anchors`];
      return document.anchors.has(anchor) ? [] : [`${at}, but there is no such anchor`];
    }),
  );
}

/** File of a block in the reader's project. Each has a folder of its own, in which a program may write. */
export function fileOf({ path }: Document, { language, line }: Block): string {
  return join('documents', `${path}-line-${line}`, `program.${language}`);
}

/** Writes the blocks into a project and checks them. Returns complaints, each with the line of the document. */
export function brokenBlocks(documents: readonly Document[], project: Consumer): string[] {
  const places = new Map<string, { path: string; line: number }>();
  const complaints = documents.flatMap(({ flaws }) => flaws);
  for (const document of documents) {
    const { path } = document;
    for (const block of document.blocks) {
      const { language, line, text } = block;
      const file = fileOf(document, block);
      if (language === 'json') complaints.push(...jsonFlaw(text).map((flaw) => `${path}:${line} ${flaw}`));
      if (language === 'sh' && block.run) project.write(file, text);
      if (language === 'ts') places.set(project.write(file, text), { path, line });
      if (language === 'js') {
        const program = project.write(file, text);
        complaints.push(...syntaxFlaw(program).map((flaw) => `${path}:${line} ${flaw}`));
        // Compiled as TypeScript, the imports fail if a package has no export of that name.
        places.set(project.write(`${file}.imports.ts`, importsIn(text)), { path, line });
      }
    }
  }
  const files = [...places.keys()].map((place) => place.slice(project.path.length + 1));
  const options = { exactOptionalPropertyTypes: true, skipLibCheck: true, noEmit: true };
  const moduleDetection = ts.ModuleDetectionKind.Force;
  for (const complaint of project.compile(files, { ...options, moduleDetection })) {
    const [, file = '', line = '', message = ''] = /^(.*?):(\d+) (.*)$/s.exec(complaint) ?? [];
    // JavaScript may import a package that has no types.
    if (file.endsWith('.js.imports.ts') && message.startsWith('Could not find a declaration file')) continue;
    const place = places.get(file);
    complaints.push(place ? `${place.path}:${place.line + Number(line) - 1} ${message}` : complaint);
  }
  return complaints;
}

function jsonFlaw(text: string): string[] {
  try {
    JSON.parse(text);
    return [];
  } catch (error) {
    return [String(error)];
  }
}

function syntaxFlaw(program: string): string[] {
  const { status, stderr } = spawnSync(process.execPath, ['--check', program], { encoding: 'utf8' });
  return status === 0 ? [] : [/^SyntaxError.*$/m.exec(stderr)?.[0] ?? stderr];
}

/** Returns the import declarations of a program, each on its line. */
function importsIn(text: string): string {
  const source = ts.createSourceFile('program.js', text, ts.ScriptTarget.Latest);
  const inImport = (position: number): boolean =>
    source.statements.some(
      (each) => ts.isImportDeclaration(each) && each.pos <= position && position < each.end,
    );
  return text.replace(/./g, (character, position: number) => (inImport(position) ? character : ' '));
}
