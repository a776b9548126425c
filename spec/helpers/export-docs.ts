/** The documentation of what the package exports, as an editor shows it, and the examples in it, compiled. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { root } from './consumer.ts';

/** An export of an entry. */
export interface ExportDocs {
  /** Specifier and name, such as `rx-oauth-callback/client connectCallbackHost`. */
  readonly id: string;
  readonly name: string;
  readonly kind: 'function' | 'class' | 'interface' | 'type' | 'constant';
  readonly text: string;
  readonly examples: readonly string[];
}

/** Path of the source in the repository, by the specifier that a program imports. */
export type Entries = Readonly<Record<string, string>>;

/** Reads the entries from `exports` of package.json. */
export function entriesOfPackage(): Entries {
  const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    name: string;
    exports: Record<string, string | Record<string, string>>;
  };
  const entries = Object.entries(exports).flatMap(([subpath, target]) =>
    typeof target === 'string'
      ? []
      : Object.entries(target)
          .filter(([, file]) => file.endsWith('.js'))
          .map(([condition, file]) => [
            join(name, subpath) + (condition === 'default' ? '' : ` (${condition})`),
            file.replace(/^\.\/dist\/(.*)\.js$/, 'src/$1.ts'),
          ]),
  );
  return Object.fromEntries(entries) as Entries;
}

/** Asks TypeScript's language service about entries, and compiles examples that import them by their specifiers. */
export class Documentation {
  readonly #texts = new Map<string, string>();
  readonly #service: ts.LanguageService;
  readonly #entries: Entries;

  /** @param sources Texts by path, in place of files of the repository. */
  constructor(entries: Entries, sources: Readonly<Record<string, string>> = {}) {
    this.#entries = entries;
    for (const [path, text] of Object.entries(sources)) this.#texts.set(join(root, path), text);
    this.#service = ts.createLanguageService(this.#host(optionsFor(entries)));
  }

  /** Returns every export of every entry. */
  exports(): ExportDocs[] {
    return Object.entries(this.#entries).flatMap(([specifier, path]) => this.#exportsOf(specifier, path));
  }

  /** Compiles each example as a module of its own. Returns the complaints, each with the export's id. */
  complaints(docs: readonly ExportDocs[]): string[] {
    const files = docs.flatMap(({ id, examples }) =>
      examples.map((example) => {
        // A name of its own: the service keeps the first text that it has read under a name.
        const file = join(root, `example-${this.#texts.size}.ts`);
        this.#texts.set(file, `${example}\nexport {};\n`);
        return { file, id };
      }),
    );
    return files.flatMap(({ file, id }) =>
      [...this.#service.getSyntacticDiagnostics(file), ...this.#service.getSemanticDiagnostics(file)].map(
        ({ messageText }) => `${id}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
      ),
    );
  }

  #exportsOf(specifier: string, path: string): ExportDocs[] {
    const program = this.#service.getProgram()!;
    const checker = program.getTypeChecker();
    const module = checker.getSymbolAtLocation(program.getSourceFile(join(root, path))!);
    if (!module) throw new Error(`${path} is no module`);
    const symbols = checker.getExportsOfModule(module);
    const names = symbols.map(({ name }) => name);
    // An editor is asked about the name in an import, as a user has it.
    const file = join(root, `exports-of-${path.replaceAll('/', '-')}`);
    const text = `import { ${names.join(', ')} } from './${path}';\n`;
    const positions = names.map((_, index) => names.slice(0, index).join(', ').length + (index > 0 ? 2 : 0));
    this.#texts.set(file, text);
    return symbols.map((symbol, index) => {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      const info = this.#service.getQuickInfoAtPosition(file, 'import { '.length + positions[index]!);
      const tags = (info?.tags ?? []).filter(({ name }) => name === 'example');
      return {
        id: `${specifier} ${symbol.name}`,
        name: symbol.name,
        kind: kindOf(target.flags),
        text: ts.displayPartsToString(info?.documentation).trim(),
        examples: tags.flatMap((tag) => codeOf(ts.displayPartsToString(tag.text))),
      };
    });
  }

  #host(options: ts.CompilerOptions): ts.LanguageServiceHost {
    const texts = this.#texts;
    const read = (path: string): string | undefined =>
      texts.get(path) ?? (existsSync(path) ? ts.sys.readFile(path) : undefined);
    return {
      getCompilationSettings: () => options,
      getCurrentDirectory: () => root,
      getDefaultLibFileName: ts.getDefaultLibFilePath,
      getScriptFileNames: () => [
        ...Object.values(this.#entries).map((path) => join(root, path)),
        ...texts.keys(),
      ],
      getScriptVersion: () => '1',
      getScriptSnapshot: (path) => {
        const text = read(path);
        return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
      },
      fileExists: (path) => texts.has(path) || ts.sys.fileExists(path),
      readFile: read,
      directoryExists: ts.sys.directoryExists,
      getDirectories: ts.sys.getDirectories,
      readDirectory: ts.sys.readDirectory,
      realpath: ts.sys.realpath!,
    };
  }
}

/** The options of tsconfig.json, except that an example need not use what it declares. */
function optionsFor(entries: Entries): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile) as { config: object };
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root);
  const paths = Object.fromEntries(
    Object.entries(entries).map(([specifier, path]) => [specifier, [join(root, path)]]),
  );
  return { ...options, noUnusedLocals: false, noUnusedParameters: false, paths };
}

function kindOf(flags: ts.SymbolFlags): ExportDocs['kind'] {
  if (flags & ts.SymbolFlags.Class) return 'class';
  if (flags & ts.SymbolFlags.Function) return 'function';
  if (flags & ts.SymbolFlags.Variable) return 'constant';
  return flags & ts.SymbolFlags.Interface ? 'interface' : 'type';
}

/** Returns the fenced blocks of an example, or all of it if there is none. */
function codeOf(example: string): string[] {
  const blocks = [...example.matchAll(/^```\w*\n(.*?)^```/gms)].map(([, code = '']) => code);
  return blocks.length > 0 ? blocks : example.trim() === '' ? [] : [example];
}

/** Tells if a text begins with a sentence: a capital letter first, and a full stop in its first paragraph. */
export function beginsWithSentence(text: string): boolean {
  const [paragraph = ''] = text.split('\n\n');
  return /^[\p{Lu}`'"“].*[.!?](?:\s|$)/su.test(paragraph);
}

/** Lists the exports whose documentation does not begin with a sentence. */
export function withoutSentence(docs: readonly ExportDocs[]): string[] {
  return docs.filter(({ text }) => !beginsWithSentence(text)).map(({ id }) => id);
}

/** Lists the functions and classes that have no example which names them. */
export function withoutExample(docs: readonly ExportDocs[]): string[] {
  return docs
    .filter(({ kind }) => kind === 'function' || kind === 'class')
    .filter(({ name, examples }) => !examples.some((each) => new RegExp(`\\b${name}\\b`).test(each)))
    .map(({ id }) => id);
}
