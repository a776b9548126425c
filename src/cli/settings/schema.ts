import * as v from 'valibot';
import { durationOf, expectedDuration, type DurationRange } from './duration.ts';
import { alternatives, type Setting, type Token, type Values } from './setting.ts';

// A message completes a sentence with "must be": "port must be …".
const text = v.string('text');
const list = v.array(text, 'a list of strings');
const integer = v.pipe(v.number('a whole number'), v.integer('a whole number'));

function between(min: number, max: number) {
  const expected = `a whole number from ${min} to ${max}`;
  return v.pipe(
    v.number(expected),
    v.integer(expected),
    v.minValue(min, expected),
    v.maxValue(max, expected),
  );
}

/** Schema of a duration, which gives milliseconds. */
function duration(range: DurationRange = {}, expected = expectedDuration(range)) {
  const isDuration = v.check((given: unknown) => durationOf(given, range) !== undefined, expected);
  return v.pipe(
    v.unknown(),
    isDuration,
    v.transform((given) => durationOf(given, range)),
  );
}

function oneOf(choices: readonly (string | false)[]) {
  return v.union(
    choices.map((choice) => v.literal(choice)),
    alternatives(choices),
  );
}

const token = v.pipe(text, v.regex(/^[\w\-.~+/]{16,}=*$/, '16 or more letters, digits and "-._~+/"'));

/** A moment, in milliseconds since the epoch or as ISO 8601 has it. */
const moment = v.union(
  [
    v.number(),
    v.pipe(
      v.string(),
      v.isoTimestamp(),
      v.transform((written) => Date.parse(written)),
    ),
  ],
  'milliseconds since the epoch or a time such as 2030-01-31T12:00:00Z',
);

const atLeastOne = v.optional(between(1, 2 ** 31 - 1));
const identityLimits = v.strictObject(
  { connections: atLeastOne, flows: atLeastOne, perSecond: atLeastOne },
  'an object with connections, flows and perSecond',
);

/** Schema of a file of tokens. */
export const tokens: v.GenericSchema<unknown, Token[]> = v.array(
  v.strictObject(
    {
      name: text,
      token,
      roles: v.array(
        v.picklist(['listener', 'monitor'], 'listener or monitor'),
        'a list of listener and monitor',
      ),
      expiresAt: v.optional(moment),
      limits: v.optional(identityLimits),
    },
    'an object with name, token and roles',
  ),
  'a list of tokens',
);

/** Schema of a file of sentences for the pages. The library checks the names. */
export const texts = object(
  object(text, 'an object with sentences'),
  'an object with languages, such as { "en": { "success": "Welcome" } }',
);

/** Returns the schema of an object with any names. A list is none. */
export function object<Value extends v.GenericSchema>(value: Value, message: string) {
  const isNoList = v.check((given: unknown) => !Array.isArray(given), message);
  return v.pipe(v.unknown(), isNoList, v.record(v.string(), value, message));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Schemas by type of setting. The library checks the ranges of its own options. */
const schemas: Readonly<Record<Setting['type'], (setting: Setting) => v.GenericSchema>> = {
  text: () => text,
  file: () => text,
  place: () => v.pipe(text, v.nonEmpty('the name of a file')),
  token: () => token,
  tokens: () => v.union([text, tokens], 'a file, or a list of tokens with name, token and roles'),
  texts: () => v.union([text, texts], 'a file, or sentences by language'),
  tenants: () => v.union([text, v.custom(isRecord)], 'a file, or an object of tenants by name'),
  integer: ({ min, max }) => (min === undefined || max === undefined ? integer : between(min, max)),
  integers: () => v.union([integer, v.array(integer)], 'a whole number, or several'),
  port: () => between(0, 65_535),
  image: () => text,
  duration: (setting) => duration(setting),
  durationOrFalse: (setting) =>
    v.union([v.literal(false), duration(setting)], `${expectedDuration(setting)}, or false`),
  pathOrFalse: () => v.union([text, v.literal(false)], 'a path or false'),
  list: () => list,
  switch: () => v.boolean('true or false'),
  bounds: () => v.record(v.string(), integer, 'names with whole numbers, such as connections=100'),
  choice: ({ choices = [] }) => oneOf(choices),
  policy: () =>
    v.union(
      [v.picklist(['reject', 'accept']), v.strictObject({ holdFor: duration(), max: integer })],
      'reject, accept, or holdFor and max',
    ),
};

/** Expected values of objects in the file, by key, unless it is just `an object`. */
const expectedObjects: Readonly<Partial<Record<string, string>>> = {
  tls: 'files for both cert and key',
  jwt: 'an object with jwks, issuer and audience',
  redis: 'an object with url',
  store: 'an object with file',
};

type Entries = Record<string, v.GenericSchema>;

function schemaOf(setting: Setting): v.GenericSchema {
  const schema = schemas[setting.type](setting);
  if (setting.required) return schema;
  return setting.feeds === 'command' ? v.optional(schema, setting.default) : v.optional(schema);
}

/** Creates the schemas of settings, by their key or the object that they are in. */
export function entriesOf(all: readonly Setting[]): Entries {
  const entries: Entries = {};
  const objects: Record<string, Entries> = {};
  for (const setting of all) {
    const [name, member] = setting.key.split('.') as [string, string?];
    if (member === undefined) entries[name] = schemaOf(setting);
    else (objects[name] ??= {})[member] = schemaOf(setting);
  }
  for (const [name, members] of Object.entries(objects))
    entries[name] = v.optional(v.strictObject(members, expectedObjects[name] ?? 'an object'));
  return entries;
}

/** Creates the schema of a configuration file with these settings. */
export function configSchema(all: readonly Setting[]) {
  return v.strictObject(entriesOf(all), 'an object');
}

/** Value of a row of a table. */
export type ValueOf<R> = R extends { type: 'choice'; choices: readonly (infer Choice)[] }
  ? Choice
  : R extends { type: infer Type extends keyof Values }
    ? Values[Type]
    : never;

type Keyed = { readonly key: string };
type WithDefault<Row> = Extract<Row, { feeds: 'command'; default: unknown }>;
type KeyOfObject<Row extends Keyed> = Row['key'] extends infer Key
  ? Key extends `${infer Name}.${string}`
    ? Name
    : never
  : never;

type Members<Row extends Keyed, Name extends string> = {
  [
    R in Row as R['key'] extends `${Name}.${infer Member}`
      ? R extends { required: true }
        ? Member
        : never
      : never
  ]: ValueOf<R>;
} & {
  [
    R in Row as R['key'] extends `${Name}.${infer Member}`
      ? R extends { required: true }
        ? never
        : Member
      : never
  ]?: ValueOf<R> | undefined;
};

/** Configuration as it is read: everything that can be set, by its keys in the file. */
export type ConfigOf<Row extends Keyed> = { [R in WithDefault<Row> & Keyed as R['key']]: ValueOf<R> } & {
  [R in Exclude<Row, WithDefault<Row>> as R['key'] extends `${string}.${string}` ? never : R['key']]?:
    ValueOf<R> | undefined;
} & { [Name in KeyOfObject<Row>]?: Members<Row, Name> | undefined };
