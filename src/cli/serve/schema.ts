import * as v from 'valibot';
import { configSchema, type ConfigOf, type ValueOf } from '../settings/schema.ts';
import type { Options } from './objects.ts';
import { settings, type Row } from './settings.ts';

/** Schema of a file of sealing keys. */
export const sealingKeys = v.array(
  v.strictObject({ id: v.string('text'), key: v.string('text') }, 'an object with id and key'),
  'a list of keys, the one that seals first',
);

/** Configuration of `serve`. */
export type Config = ConfigOf<Row>;

/** Schema of the configuration file. */
export const config = configSchema(settings) as unknown as v.GenericSchema<unknown, Config>;

/** Options of one object, as settings give them. The caller adds the contents of files and the tokens. */
export type FedOptions<O extends keyof Options> = {
  [
    R in Exclude<
      Row,
      { type: 'file' | 'token' | 'tokens' | 'texts' | 'tenants' }
    > as R['feeds'] extends `${O}.${infer Name}` ? Name : never
  ]?: ValueOf<R>;
};
