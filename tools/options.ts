/** The tables of options, which are made from their doc comments. */
import { join } from 'node:path';
import ts from 'typescript';
import { cell, root, sentence, table, withPart, type Document } from './documents.ts';

/** Types of options in the order of the document, each with the entry that exports it. */
export const optionTypes: readonly (readonly [type: string, entry: string])[] = [
  ['ServerOptions', 'index'],
  ['Limits', 'index'],
  ['HoldOptions', 'index'],
  ['BeginOptions', 'index'],
  ['BridgeOptions', 'bridge'],
  ['BridgeToken', 'bridge'],
  ['IdentityLimits', 'bridge'],
  ['JwtOptions', 'bridge'],
  ['JwtClaims', 'bridge'],
  ['WebhookOptions', 'bridge'],
  ['TicketOptions', 'bridge'],
  ['BridgeLimits', 'bridge'],
  ['MemoryStoreOptions', 'bridge'],
  ['ConnectOptions', 'client'],
  ['MonitorOptions', 'monitor'],
  ['RedisStoreOptions', 'redis'],
  ['SqliteStoreOptions', 'sqlite'],
  ['SealingKey', 'redis'],
  ['RedisQuota', 'redis'],
  ['SignInOptions', 'login'],
  ['OpenBrowserOptions', 'login'],
  ['RefreshOptions', 'login'],
  ['ClientMetadataOptions', 'login'],
  ['OpenBrowserOptions', 'login'],
  ['McpAuthOptions', 'mcp'],
  ['McpServerOptions', 'mcp'],
  ['GivenClient', 'mcp'],
  ['ConnectOptions', 'mcp'],
  ['McpSignInOptions', 'mcp'],
  ['McpSignOutOptions', 'mcp'],
  ['FileStoreOptions', 'mcp'],
  ['MetricsOptions', 'telemetry'],
  ['SharedHostOptions', 'share'],
  ['TenantsOptions', 'tenants'],
  ['TenantOptions', 'tenants'],
  ['FlowQuota', 'tenants'],
  ['FakeProviderOptions', 'testing'],
  ['FakeClient', 'testing'],
  ['FakeAnswer', 'testing'],
  ['VisitOptions', 'testing'],
  ['FakeCallbackHostOptions', 'testing'],
];

export const document: Document = {
  path: 'docs/reference/options.md',
  render: (text) => {
    const types = new OptionTypes();
    return optionTypes.reduce(
      (rendered, [type, entry]) => withPart(rendered, type, optionTable(types.read(type, entry))),
      text,
    );
  },
};

/** An option with the parts of its doc comment. */
export interface Option {
  readonly name: string;
  readonly type: string;
  readonly optional: boolean;
  readonly meaning: string;
  /** Undefined without the tag `@default`. */
  readonly default: string | undefined;
  readonly see: string | undefined;
}

/** Renders options as a table. */
export function optionTable(options: readonly Option[]): string {
  return table(
    ['Option', 'Type', 'Default', 'Meaning'],
    options.map(({ name, type, optional, meaning, default: value, see }) => [
      `\`${name}\``,
      cell(`\`${type}\``),
      optional ? cell(value === undefined ? 'none' : asCode(value)) : 'required',
      [cell(meaning), ...(see === undefined ? [] : [`See ${withLink(cell(see))}.`])].map(sentence).join(' '),
    ]),
  );
}

/** Shows a value as code, and leaves a description as it is. */
function asCode(value: string): string {
  return /^(?:'[^']*'|[\d_]+|\[\]|true|false|[\w.]+\.\w+)$/.test(value) ? `\`${value}\`` : value;
}

function withLink(source: string): string {
  return source.replace(/\bRFC (\d+)\b/g, '[RFC $1](https://www.rfc-editor.org/rfc/rfc$1)');
}

/** Reads the doc comments of options. */
export class OptionTypes {
  readonly #program: ts.Program;
  readonly #checker: ts.TypeChecker;

  constructor() {
    const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile) as { config: object };
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
    const entries = new Set(optionTypes.map(([, entry]) => join(root, 'src', `${entry}.ts`)));
    this.#program = ts.createProgram([...entries], options);
    this.#checker = this.#program.getTypeChecker();
  }

  /** Returns the options of a type that an entry exports, in the order of the source. */
  read(type: string, entry: string): Option[] {
    const checker = this.#checker;
    const source = this.#program.getSourceFile(join(root, 'src', `${entry}.ts`));
    const module = source && checker.getSymbolAtLocation(source);
    const found = module && checker.getExportsOfModule(module).find(({ name }) => name === type);
    if (!found) throw new Error(`src/${entry}.ts exports no ${type}`);
    const target = found.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(found) : found;
    return checker
      .getDeclaredTypeOfSymbol(target)
      .getProperties()
      .map((property) => this.#option(property));
  }

  #option(property: ts.Symbol): Option {
    const checker = this.#checker;
    const tags = property.getJsDocTags(checker);
    const tag = (name: string): string | undefined => {
      const found = tags.find((each) => each.name === name);
      return found && ts.displayPartsToString(found.text).trim();
    };
    const declaration = property.valueDeclaration as ts.PropertySignature | undefined;
    return {
      name: property.name,
      // As it is written, because the checker would replace aliases by what they stand for. A mapped type has no such text.
      type:
        declaration?.type?.getText().replace(/\s+/g, ' ') ??
        checker.typeToString(checker.getNonNullableType(checker.getTypeOfSymbol(property))),
      optional: (property.flags & ts.SymbolFlags.Optional) !== 0,
      meaning: ts.displayPartsToString(property.getDocumentationComment(checker)),
      default: tag('default'),
      see: tag('see'),
    };
  }
}
