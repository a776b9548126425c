/** Finds secrets that printing a value shows: through a console, `util.inspect`, JSON, a clone, an assertion message. */
import assert from 'node:assert';
import { Console } from 'node:console';
import { PassThrough } from 'node:stream';
import { format, inspect, types, type InspectOptions } from 'node:util';
import { serialize } from 'node:v8';
import * as uvu from './assert.ts';

/** Any value, for operators that lint allows only for values known to be printable. */
type Printable = number;

/** A way of printing: its name, and the text that it makes of a value. */
type Printer = readonly [how: string, print: (value: unknown) => string | undefined];

// All that `inspect` can be told, except `getters`: with that it calls every getter, which is the one named exception.
const whole: InspectOptions = {
  depth: Infinity,
  maxArrayLength: Infinity,
  maxStringLength: Infinity,
  breakLength: Infinity,
};
const inspections: readonly (readonly [string, InspectOptions])[] = [
  ['inspect', {}],
  ['inspect, depth Infinity', whole],
  ['inspect, showHidden', { ...whole, showHidden: true }],
  ['inspect, customInspect false', { ...whole, customInspect: false }],
  ['inspect, customInspect false, showHidden', { ...whole, customInspect: false, showHidden: true }],
  ['inspect, showProxy', { ...whole, showProxy: true, showHidden: true }],
];

const printers: readonly Printer[] = [
  ...inspections.map(([how, options]): Printer => [how, (value) => inspect(value, options)]),
  ...['%s', '%o', '%O', '%j', '%d', ''].map((form): Printer => [
    `format ${form}`,
    (value) => format(form, value),
  ]),
  ...(['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir', 'table'] as const).map((method): Printer => [
    `console.${method}`,
    (value) => onConsole((console) => console[method](value)),
  ]),
  [
    'console.dir, showHidden',
    (value) => onConsole((console) => console.dir(value, { ...whole, showHidden: true })),
  ],
  ['console.table of a list', (value) => onConsole((console) => console.table([value, value]))],
  ['template string', (value) => `${value as Printable}`],
  ['String', String],
  ['concatenation', (value) => 'text ' + (value as string)],
  ['toLocaleString', (value) => (value as Printable).toLocaleString()],
  ['Object.prototype.toString', (value) => Object.prototype.toString.call(value)],
  ['JSON.stringify', (value) => JSON.stringify(value)],
  ['JSON.stringify of a list', (value) => JSON.stringify([{ value }])],
  ['spread', (value) => inspect({ ...(value as object) }, whole)],
  ['Object.entries', (value) => inspect(Object.entries(value as object), whole)],
  ['structuredClone', (value) => inspect(structuredClone(value), { ...whole, showHidden: true })],
  ['v8.serialize', (value) => serialize(value).toString('latin1')],
  ['assert.deepStrictEqual', (value) => thrownBy(() => assert.deepStrictEqual(value, { other: 1 }))],
  ['assert.deepStrictEqual of a list', (value) => thrownBy(() => assert.deepStrictEqual([value], []))],
  ['assert.deepEqual', (value) => thrownBy(() => assert.deepEqual([value], [1]))],
  ['assert.strictEqual', (value) => thrownBy(() => assert.strictEqual(value, 1))],
  ['assert.notStrictEqual', (value) => thrownBy(() => assert.notStrictEqual(value, value))],
  ['assert.notDeepStrictEqual', (value) => thrownBy(() => assert.notDeepStrictEqual(value, value))],
  ['assert.ifError', (value) => thrownBy(() => assert.ifError(value))],
  ['uvu is', (value) => thrownBy(() => uvu.is(value, 1))],
  ['uvu equal', (value) => thrownBy(() => uvu.equal(value, { other: 1 }))],
  ['uvu not.equal', (value) => thrownBy(() => uvu.not.equal(value, value))],
  ['cause of an error', (value) => inspect(new Error('with a cause', { cause: value }), whole)],
];

/**
 * Returns each way in which printing `value` shows one of the secrets, such as `JSON.stringify shows code`. Walks the own
 * properties of everything that can be reached as well: strings, symbols and hidden ones, along the prototypes too. Getters
 * on a prototype are not called, own getters are.
 *
 * @param secrets By their names. A printer that cuts a secret short is found too, if it shows 12 characters.
 * @throws if a secret has fewer than 12 characters, or two begin alike
 */
export function leaks(value: unknown, secrets: Readonly<Record<string, string>>): string[] {
  const forms = Object.entries(secrets).map(([name, secret]) => [name, formsOf(secret)] as const);
  if (new Set(forms.map(([, [first]]) => first)).size < forms.length)
    throw new Error('two secrets begin alike, and could not be told apart');
  const shown = (text: string): string[] =>
    forms.filter(([, all]) => all.some((form) => text.includes(form))).map(([name]) => name);
  const found = [
    ...printers.map(([how, print]) => [how, shown(textOf(print, value))] as const),
    ...[...reachable(value)].map(([path, text]) => [path, shown(text)] as const),
  ];
  return found.flatMap(([how, names]) => names.map((name) => `${how} shows ${name}`));
}

/** Returns each printer that shows nothing but `[object Object]`, so that a log could not tell values apart. */
export function unreadable(value: unknown): string[] {
  return printers
    .filter(([how]) => ['template string', 'String', 'format %s'].includes(how))
    .filter(([, print]) => textOf(print, value).startsWith('[object '))
    .map(([how]) => how);
}

/** The beginning of a secret in each form in which it can be printed. */
function formsOf(secret: string): [string, ...string[]] {
  if (secret.length < 12) throw new Error('a secret must have 12 characters at least');
  const start = secret.slice(0, 12);
  const bytes = Buffer.from(start);
  const hex = bytes.toString('hex');
  return [
    start,
    encodeURIComponent(start),
    JSON.stringify(start).slice(1, -1),
    bytes.toString('base64'),
    bytes.toString('base64url'),
    hex,
    hex.replace(/..(?=.)/g, '$& '),
    bytes.join(','),
    bytes.join(', '),
  ];
}

/** What a printer says, or the error that it throws. A value that cannot be cloned or made a string shows nothing. */
function textOf(print: Printer[1], value: unknown): string {
  try {
    return print(value) ?? '';
  } catch (error) {
    return thrownBy(() => {
      throw error;
    });
  }
}

function onConsole(print: (console: Console) => void): string {
  const stream = new PassThrough();
  print(new Console({ stdout: stream, stderr: stream, colorMode: false }));
  return String(stream.read() ?? '');
}

/** Message, stack and all fields of the error, as a test runner prints them. */
function thrownBy(run: () => void): string {
  try {
    run();
  } catch (error) {
    const { message, stack, details } = error as Error & { details?: string };
    return [message, stack, details, inspect(error, whole)].join('\n');
  }
  return '';
}

/** Own properties of all that a program reaches from a value without calling a method, each with its path. */
function* reachable(value: unknown): Generator<readonly [path: string, text: string]> {
  const seen = new Set<unknown>();
  const pending: [path: string, value: unknown][] = [['', value]];
  for (const [path, current] of pending) {
    if (typeof current === 'string') yield [`property ${path}`, current];
    if ((typeof current !== 'object' && typeof current !== 'function') || current === null) continue;
    if (seen.has(current) || builtIns.has(current)) continue;
    seen.add(current);
    for (const key of Reflect.ownKeys(current)) {
      yield [`name of property ${path}.${String(key)}`, String(key)];
      const at = `${path}.${String(key)}`;
      const descriptor = Reflect.getOwnPropertyDescriptor(current, key);
      if (!descriptor) continue;
      if ('value' in descriptor) pending.push([at, descriptor.value]);
      // A getter of the object itself is called by spread and by every clone; one of a prototype is not.
      else if (descriptor.enumerable) pending.push([at, valueOf(descriptor, current)]);
    }
    pending.push([`${path}.[[Prototype]]`, Reflect.getPrototypeOf(current)]);
    if (types.isMap(current) || types.isSet(current)) pending.push([`${path} (entries)`, [...current]]);
  }
}

function valueOf({ get }: PropertyDescriptor, owner: object): unknown {
  try {
    return get?.call(owner);
  } catch {
    return undefined;
  }
}

const builtIns: ReadonlySet<unknown> = new Set(
  Object.getOwnPropertyNames(globalThis).flatMap((name) => {
    const value: unknown = Object.getOwnPropertyDescriptor(globalThis, name)?.value;
    return typeof value === 'function' ? [value, value.prototype as unknown] : [value];
  }),
);
