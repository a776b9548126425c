/** The bundler writes newer syntax for older browsers, but no newer methods: those the page must do without. */
import { join } from 'node:path';
import { build } from 'esbuild';
import ts from 'typescript';
import { equal, match, ok } from '../../helpers/assert.ts';
import { root } from '../../helpers/consumer.ts';
import { suite } from '../../helpers/suite.ts';

const test = suite('the browsers of the monitor page');

/** Compiling takes seconds, and a busy machine longer. */
const compiling = { deadline: 300_000 };

const entry = join(root, 'src', 'monitor', 'page', 'main.ts');

/** The modules of this package that are in the page, by path. What they import for its types is not. */
async function modulesOfPage(): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
  });
  return Object.keys(metafile.inputs)
    .filter((path) => path.startsWith('src/'))
    .map((path) => join(root, path));
}

/** Returns the complaints of a compiler that knows only what every browser of the page has. */
async function missing(edit = (text: string): string => text): Promise<string[]> {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(
    { ...config.compilerOptions, lib: ['ES2022', 'ESNext.Disposable', 'DOM', 'DOM.Iterable'] },
    root,
  );
  const host = ts.createCompilerHost(options);
  host.readFile = (path) => {
    const text = ts.sys.readFile(path);
    return path === entry ? edit(text ?? '') : text;
  };
  const program = ts.createProgram([entry], options, host);
  const modules = await modulesOfPage();
  ok(modules.includes(entry) && modules.length > 15, modules.join('\n'));
  return modules.flatMap((path) =>
    program
      .getSemanticDiagnostics(program.getSourceFile(path))
      .map(({ messageText }) => `${path}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`),
  );
}

test('have every method that it uses', async () => equal(await missing(), []), compiling);

test(
  'lack every method that is newer than they are',
  async () => {
    const [complaint, ...more] = await missing((text) => `${text}\n[1].toReversed();\n`);
    match(complaint ?? '', "main.ts: Property 'toReversed' does not exist");
    equal(more, []);
  },
  compiling,
);

test.run();
