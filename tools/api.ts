/** The reference of every entry, made from its doc comments. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Application, LogLevel, type TypeDocOptions } from 'typedoc';
import type { PluginOptions } from 'typedoc-plugin-markdown';
import { root } from './documents.ts';

export const apiFolder = join(root, 'docs', 'reference', 'api');

export interface Sources {
  /** Paths of the modules to describe. */
  readonly entries: readonly string[];
  readonly tsconfig: string;
}

/**
 * Writes the reference of modules into a folder: a page for each.
 *
 * @returns Warnings, such as a type that is named but not exported.
 */
export async function writeApi(
  folder: string,
  { entries, tsconfig } = sourcesOfPackage(),
): Promise<string[]> {
  const options: Partial<TypeDocOptions> & PluginOptions = {
    plugin: ['typedoc-plugin-markdown'],
    outputs: [{ name: 'markdown', path: folder }],
    entryPoints: [...entries],
    tsconfig,
    name: 'API',
    readme: 'none',
    logLevel: LogLevel.Warn,
    // `npm run types` does that.
    skipErrorChecking: true,
    // Links to sources would name a revision.
    disableSources: true,
    excludeExternals: true,
    excludeInternal: true,
    excludePrivate: true,
    sort: ['source-order'],
    sortEntryPoints: false,
    groupOrder: ['Functions', 'Classes', 'Interfaces', 'Type Aliases', 'Variables'],
    router: 'module',
    entryFileName: 'index',
    hidePageHeader: true,
    hideBreadcrumbs: true,
    useCodeBlocks: true,
    // The plugin numbers equal headings otherwise than GitHub does.
    useHTMLAnchors: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    classPropertiesFormat: 'table',
    typeAliasPropertiesFormat: 'table',
    typeDeclarationFormat: 'table',
    tableColumnSettings: { hideInherited: true, hideModifiers: true, hideOverrides: true, hideSources: true },
  };
  const app = await Application.bootstrapWithPlugins(options);
  const warnings: string[] = [];
  app.logger.log = (message, level) => {
    if (level >= LogLevel.Warn) warnings.push(message);
  };
  const project = await app.convert();
  if (!project) throw new Error(`TypeDoc cannot read the sources:\n${warnings.join('\n')}`);
  app.validate(project);
  await app.generateOutputs(project);
  return warnings;
}

/** Returns the entries that `exports` of package.json names, without the variants for browsers. */
function sourcesOfPackage(): Sources {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { default: string }>;
  };
  const entries = Object.values(exports).flatMap((target) =>
    typeof target === 'string'
      ? []
      : [join(root, target.default.replace(/^\.\/dist\/(.*)\.js$/, 'src/$1.ts'))],
  );
  return { entries, tsconfig: join(root, 'tools', 'api.tsconfig.json') };
}
