import * as v from 'valibot';
import { languages } from '../../texts.ts';
import { levels } from '../log.ts';

// The message of each says what it must be: "port must be …".
const text = v.string('text');
const list = v.array(text, 'a list of texts');
const whole = v.pipe(v.number('a whole number'), v.integer('a whole number'));
const bounds = v.record(v.string(), whole, 'names with whole numbers, such as connections=100');

function oneOf<const T extends string>(...names: T[]): v.PicklistSchema<T[], string> {
  return v.picklist(names, names.join(', ').replace(/, (?=[^,]*$)/, ' or '));
}

function between(least: number, most: number) {
  const expected = `a whole number from ${least} to ${most}`;
  return v.pipe(
    v.number(expected),
    v.integer(expected),
    v.minValue(least, expected),
    v.maxValue(most, expected),
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

/** What a file of tokens holds. */
export const tokens = v.array(
  v.strictObject(
    {
      name: text,
      token,
      roles: v.array(oneOf('listener', 'monitor'), 'a list of listener and monitor'),
      expiresAt: v.optional(moment),
    },
    'an object with name, token and roles',
  ),
  'a list of tokens',
);

/** The callback server's own options, by their names. Ranges are left to it: it has sentences for them. */
const ofServer = {
  port: v.optional(v.union([whole, v.array(whole)], 'a whole number, or several')),
  host: v.optional(text),
  publicUrl: v.optional(text),
  callbackPath: v.optional(text),
  serverUrl: v.optional(text),
  title: v.optional(text),
  productName: v.optional(text),
  logo: v.optional(text),
  language: v.optional(oneOf('auto', ...languages)),
  cleanUrl: v.optional(v.union([oneOf('script', 'redirect'), v.literal(false)], 'script, redirect or false')),
  settle: v.optional(v.union([whole, v.literal(false)], 'a whole number or false')),
  finishUrls: v.optional(list),
  unmatched: v.optional(
    v.union(
      [oneOf('reject', 'accept'), v.strictObject({ holdFor: whole, max: whole })],
      'reject, accept or holdFor and max',
    ),
  ),
  issuers: v.optional(list),
  flowTtl: v.optional(whole),
  maxFlows: v.optional(whole),
  closeTimeout: v.optional(whole),
  limits: v.optional(bounds),
};

export const serverKeys = Object.keys(ofServer) as (keyof typeof ofServer)[];

const ofBridge = {
  path: v.optional(text),
  port: v.optional(whole),
  origins: v.optional(list),
  limits: v.optional(bounds),
};

const ofMonitor = {
  path: v.optional(v.union([text, v.literal(false)], 'a path or false')),
  linkTtl: v.optional(whole),
  visitTtl: v.optional(whole),
};

/** What a file of sealing keys holds. */
export const sealingKeys = v.array(
  v.strictObject({ id: text, key: text }, 'an object with id and key'),
  'a list of keys, the one that seals first',
);

const ofRedis = {
  url: v.optional(text),
  prefix: v.optional(text),
  tenant: v.optional(text),
  keys: v.optional(text),
  quota: v.optional(bounds),
  timeout: v.optional(whole),
  poll: v.optional(whole),
};

/** All that `serve` can be told. */
export const config = v.strictObject(
  {
    ...ofServer,
    tls: v.optional(v.strictObject({ cert: text, key: text }, 'files for both cert and key')),
    bridge: v.optional(v.strictObject(ofBridge, 'an object')),
    monitor: v.optional(v.strictObject(ofMonitor, 'an object')),
    redis: v.optional(v.strictObject(ofRedis, 'an object with url')),
    token: v.optional(token),
    tokens: v.optional(v.union([text, tokens], 'a file, or a list of tokens with name, token and roles')),
    metricsPort: v.optional(between(0, 65_535)),
    drain: v.optional(between(0, 3_600_000), 5_000),
    json: v.optional(v.boolean('true or false'), false),
    logLevel: v.optional(oneOf(...levels), 'info'),
  },
  'an object',
);

export type Config = v.InferOutput<typeof config>;
