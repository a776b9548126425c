/** The names that users of the library, the wire, the command and the metrics see. */
import { join } from 'node:path';
import { from } from 'rxjs';
import ts from 'typescript';
import * as v from 'valibot';
import { createProgram } from '../../src/cli/program.ts';
import type { Io } from '../../src/cli/io.ts';
import { createBridge, memoryStore } from '../../src/bridge.ts';
import { createOAuthCallbackServer, type ServerEvent } from '../../src/index.ts';
import { createMetrics } from '../../src/telemetry.ts';
import { clientMessage, serviceMessage } from '../../src/wire/protocol.ts';
import { root } from './consumer.ts';
import { entriesOfPackage } from './export-docs.ts';
import { certificate } from './tls.ts';

/** Names of the members of each variant of a union, by the variant's `type`. */
export type Variants = Readonly<Record<string, readonly string[]>>;

/** Types of the sources, as the compiler sees them. */
export class Types {
  readonly #program: ts.Program;
  readonly #checker: ts.TypeChecker;

  constructor() {
    const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile) as { config: object };
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
    this.#program = ts.createProgram(
      Object.values(entriesOfPackage()).map((path) => join(root, path)),
      options,
    );
    this.#checker = this.#program.getTypeChecker();
  }

  /** Returns the strings that a type allows. */
  literals(path: string, name: string): string[] {
    return this.#variants(this.#type(path, name))
      .flatMap((type) => (type.isStringLiteral() ? [type.value] : []))
      .sort();
  }

  /** Returns the variants of a union of objects. */
  variants(path: string, name: string): Variants {
    const found = this.#variants(this.#type(path, name)).map((type) => {
      const discriminant = type.getProperty('type')!;
      const literal = this.#checker.getTypeOfSymbol(discriminant);
      return [(literal as ts.StringLiteralType).value, this.#members(type)] as const;
    });
    return Object.fromEntries(found);
  }

  /** Returns the names of a type's members. */
  members(path: string, name: string): string[] {
    return this.#members(this.#type(path, name));
  }

  /** Returns every name that an entry exports. */
  exported(): string[] {
    const names = Object.values(entriesOfPackage()).flatMap((path) =>
      this.#checker.getExportsOfModule(this.#module(path)).map(({ name }) => name),
    );
    return [...new Set(names)].sort();
  }

  /** Returns the code, the name and the own members of every error class that an entry exports. */
  errors(): { code: string; name: string; members: string[] }[] {
    const found = new Map<string, { code: string; name: string; members: string[] }>();
    for (const path of Object.values(entriesOfPackage())) {
      for (const symbol of this.#checker.getExportsOfModule(this.#module(path))) {
        if (!/Error$/.test(symbol.name)) continue;
        const type = this.#type(path, symbol.name);
        const code = type.getProperty('code');
        const literal = code && this.#checker.getTypeOfSymbol(code);
        // Unions of errors have several codes.
        if (!literal?.isStringLiteral()) continue;
        const members = this.#members(type).filter((member) => !['code', 'name'].includes(member));
        found.set(symbol.name, { code: literal.value, name: symbol.name, members });
      }
    }
    return [...found.values()];
  }

  /** Returns every name that an entry exports, and the names of the members of what it exports. */
  published(): string[] {
    const names = Object.values(entriesOfPackage()).flatMap((path) =>
      this.#checker.getExportsOfModule(this.#module(path)).flatMap((symbol) => {
        const target = symbol.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol;
        const type = this.#checker.getDeclaredTypeOfSymbol(target);
        return [symbol.name, ...this.#variants(type).flatMap((each) => this.#members(each))];
      }),
    );
    return [...new Set(names)].sort();
  }

  #members(type: ts.Type): string[] {
    if (!(type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection))) return [];
    return type
      .getProperties()
      .filter((member) =>
        member.declarations?.some((each) => !/node_modules/.test(each.getSourceFile().fileName)),
      )
      .map(({ name }) => name)
      .filter((name) => /^\w+$/.test(name) && !name.startsWith('__'))
      .sort();
  }

  #variants(type: ts.Type): readonly ts.Type[] {
    return type.isUnion() ? type.types : [type];
  }

  #type(path: string, name: string): ts.Type {
    const symbol = this.#checker.getExportsOfModule(this.#module(path)).find((each) => each.name === name);
    if (!symbol) throw new Error(`${path} exports no ${name}`);
    return this.#checker.getDeclaredTypeOfSymbol(symbol);
  }

  #module(path: string): ts.Symbol {
    const symbol = this.#checker.getSymbolAtLocation(this.#program.getSourceFile(join(root, path))!);
    if (!symbol) throw new Error(`${path} is no module`);
    return symbol;
  }
}

/** Returns the messages of both directions with the names of their members. */
export function wire(): { client: Variants; service: Variants } {
  const of = ({ options }: { options: readonly { entries: Record<string, unknown> }[] }): Variants =>
    Object.fromEntries(
      options.map(({ entries }) => {
        const { literal } = entries['type'] as v.LiteralSchema<string, undefined>;
        return [literal, Object.keys(entries).sort()];
      }),
    );
  return { client: of(clientMessage), service: of(serviceMessage) };
}

/** A flag of the command. */
export interface Flag {
  readonly command: string;
  readonly flag: string;
  readonly choices: readonly string[];
}

export function flags(): Flag[] {
  const silent = { write: () => true } as unknown as NodeJS.WriteStream;
  const program = createProgram({ stdout: silent, stderr: silent } as unknown as Io);
  return program.commands.flatMap((command) =>
    command.options.map(({ long, argChoices, description }) => ({
      command: command.name(),
      flag: long ?? '',
      // A repeatable flag reads its choices itself, and lists them in its description.
      choices: [...(argChoices ?? /; repeatable: (.*)$/.exec(description)?.[1]?.split(', ') ?? [])].sort(),
    })),
  );
}

/**
 * Returns the names of all metrics with the values of each of their labels, as they are after these events.
 *
 * @returns Labels and values as `name{label="value"}` has them, by the name of the metric.
 */
export async function metricsAfter(
  events: readonly ServerEvent[],
): Promise<Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>> {
  const server = createOAuthCallbackServer();
  const store = Object.defineProperty(memoryStore(), 'shared', { value: true });
  const bridge = createBridge(server, { token: 'a-token-of-the-vocabulary', store });
  const metrics = createMetrics(server, {
    bridge,
    process: false,
    certificate: () => certificate.cert,
    events: from(events),
  });
  const text = await metrics.text();
  metrics.close();
  const found: Record<string, Record<string, string[]>> = {};
  for (const [, name = ''] of text.matchAll(/^# TYPE (\w+) /gm)) found[name] = {};
  for (const [, name = '', labels = ''] of text.matchAll(/^(\w+?)(?:_bucket|_sum|_count)?\{(.*)\} /gm)) {
    for (const [, label = '', value = ''] of labels.matchAll(/(\w+)="([^"]*)"/g)) {
      if (label !== 'le') ((found[name] ??= {})[label] ??= []).push(value);
    }
  }
  return found;
}
