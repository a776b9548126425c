/** PROTOCOL.md taken apart, and the schemas of the wire in the same shape. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { clientMessage, serviceMessage } from '../../src/wire/protocol.ts';
import { root } from './consumer.ts';

/** The document as it is. Checks take a text, so that a weakened one can be given to them too. */
export const protocolPage = readFileSync(join(root, 'PROTOCOL.md'), 'utf8');

export type Direction = 'service' | 'client';

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The part of the document about one message. */
export interface MessageSection {
  readonly type: string;
  readonly direction: string | undefined;
  readonly text: string;
  readonly tables: readonly Table[];
  readonly examples: readonly unknown[];
}

/** Returns the text under a heading of any level, up to the next heading of that level or a higher one. */
export function under(page: string, heading: string): string {
  const [, level = '', text = ''] = splitAt(page, heading);
  const end = new RegExp(`^#{1,${level.length}} `, 'm').exec(text);
  return text.slice(0, end?.index);
}

function splitAt(page: string, heading: string): readonly string[] {
  const escaped = heading.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const found = new RegExp(`^(#+) ${escaped}$`, 'm').exec(page);
  if (!found) throw new Error(`PROTOCOL.md has no heading "${heading}"`);
  return [heading, found[1]!, page.slice(found.index + found[0].length)];
}

export function tablesIn(text: string): Table[] {
  return [...text.matchAll(/^\|.*\|\n\| *-.*\|\n(?:\|.*\|\n)*/gm)].map(([table]) => {
    const [columns = [], , ...rows] = table.trimEnd().split('\n').map(cellsOf);
    return { columns, rows };
  });
}

function cellsOf(row: string): string[] {
  return row
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim());
}

/** Returns the table under a heading whose first column is this. */
export function tableWith(text: string, firstColumn: string): Table {
  const found = tablesIn(text).find(({ columns }) => columns[0] === firstColumn);
  if (!found) throw new Error(`there is no table of ${firstColumn}`);
  return found;
}

export const plain = (cell = ''): string => cell.replaceAll('`', '');

export function examplesIn(text: string): unknown[] {
  return [...text.matchAll(/^```json\n(.*?)^```$/gms)].map(([, json = '']) => JSON.parse(json) as unknown);
}

const groups: Readonly<Record<Direction, string>> = {
  service: 'Messages to the service',
  client: 'Messages to the client',
};

/** Returns the sections of the messages in one direction. */
export function sectionsOf(page: string, direction: Direction): MessageSection[] {
  return under(page, groups[direction])
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const [heading = '', ...lines] = section.split('\n');
      const text = lines.join('\n');
      return {
        type: plain(heading),
        direction: /^To the (service|client)\b/m.exec(text.trim())?.[1],
        text,
        tables: tablesIn(text),
        examples: examplesIn(text),
      };
    });
}

/** A member of a message: its path, with a `?` if it may be left out, and its type in the words of the document. */
export type Member = readonly [path: string, type: string];

/** The parts of a schema that this file reads. */
interface Schema {
  readonly type: string;
  readonly entries?: Readonly<Record<string, Schema>>;
  readonly options?: readonly (Schema | string)[];
  readonly wrapped?: Schema;
  readonly item?: Schema;
  readonly literal?: string;
}

/** Returns the messages of one direction, with all members, in the order of the schema. */
export function messagesOf(direction: Direction): ReadonlyMap<string, readonly Member[]> {
  const { options } = direction === 'service' ? clientMessage : serviceMessage;
  return new Map(
    options.map((option) => {
      const members = membersOf(option, '');
      return [option.entries.type.literal, members.filter(([path]) => path !== 'type')];
    }),
  );
}

function membersOf({ entries, options }: Schema, prefix: string): Member[] {
  const variants = entries ? [entries] : (options as Schema[]).map((option) => option.entries!);
  const names = new Set(variants.flatMap((variant) => Object.keys(variant)));
  return [...names].flatMap((name) => {
    const found = variants.flatMap((variant) => variant[name] ?? []);
    const schemas = found.map((schema) => schema.wrapped ?? schema);
    const optional = found.length < variants.length || found.some(({ type }) => type === 'optional');
    const path = prefix + name;
    const [first] = schemas as [Schema];
    const own: Member = [optional ? `${path}?` : path, typeName(schemas)];
    if (own[1] === 'objects') return [own, ...membersOf(first.item as Schema, `${path}[].`)];
    return own[1] === 'object' ? [own, ...membersOf(first, `${path}.`)] : [own];
  });
}

const listNames: Readonly<Record<string, string>> = { picklist: 'roles', tuple: 'pairs', object: 'objects' };

function typeName(schemas: readonly Schema[]): string {
  const [schema] = schemas as [Schema];
  switch (schema.type) {
    case 'literal':
      return schemas.map(({ literal }) => JSON.stringify(literal)).join(', ');
    case 'picklist':
      return (schema.options as string[]).map((option) => JSON.stringify(option)).join(', ');
    case 'boolean':
      return 'flag';
    case 'record':
      return 'counts';
    case 'array':
      return listNames[schema.item?.type ?? ''] ?? 'ids';
    case 'object':
    case 'variant':
    case 'loose_object':
      return 'object';
    default:
      return byValues(schema);
  }
}

const text = (length: number): string => 'x'.repeat(length);

/** Values that tell the types of the document apart: a type takes exactly these. */
export const typeValues: Readonly<Record<string, readonly unknown[]>> = {
  id: [text(1), text(43), text(64), '-_09azAZ'],
  bytes32: [text(43)],
  text: ['', text(1), text(43), text(64), text(65), '-_09azAZ', 'a b', `${text(42)}=`],
  integer: [0, 1, 2 ** 53 - 1],
  positive: [1, 2 ** 53 - 1],
  number: [0, 1, 2 ** 53 - 1, 2 ** 53, -1, 1.5],
};

function byValues(schema: Schema): string {
  const values = [...new Set(Object.values(typeValues).flat())];
  const takes = values.filter((value) => accepts(schema, value));
  const [name] =
    Object.entries(typeValues).find(
      ([, own]) => own.length === takes.length && own.every((value) => takes.includes(value)),
    ) ?? [];
  if (name === undefined) throw new Error(`no type of the document takes just ${JSON.stringify(takes)}`);
  return name;
}

function accepts(schema: Schema, value: unknown): boolean {
  return v.safeParse(schema as unknown as v.GenericSchema, value).success;
}

/** Returns what is wrong with a message: what its schema says, and members that the schema does not know. */
export function faultsOf(direction: Direction, message: unknown): string[] {
  const schema = direction === 'service' ? clientMessage : serviceMessage;
  const parsed = v.safeParse(schema, message);
  if (!parsed.success) return parsed.issues.map(({ message: fault }) => fault);
  const { type } = parsed.output;
  const known = (messagesOf(direction).get(type) ?? []).map(([path]) => path.replace('?', ''));
  return pathsIn(message as object, '')
    .filter((path) => path !== 'type' && !known.includes(path) && !/^(?:counts|reasons|event)\./.test(path))
    .map((path) => `${type} has no member ${path}`);
}

function pathsIn(value: object, prefix: string): string[] {
  if (Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([name, member]: [string, unknown]) => {
    const path = prefix + name;
    return [path, ...(typeof member === 'object' && member !== null ? pathsIn(member, `${path}.`) : [])];
  });
}
