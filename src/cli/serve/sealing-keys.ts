import type { SealingKey } from '../../base/sealing-keys.ts';
import { readJson } from '../settings/files.ts';
import { parse } from '../settings/read.ts';
import { sealingKeys } from './schema.ts';

/** Reads the keys of a store: the first one seals, all of them open. @param flag Flag that names the file. */
export function readSealingKeys(file: string, flag: string): SealingKey[] {
  return parse(sealingKeys, readJson(file, flag), (path) => `${path.join('.') || 'what is'} in ${file}`);
}
