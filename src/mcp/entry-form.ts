import type { SealingKeys } from '../base/sealing-keys.ts';
import { TokenStoreError } from './errors.ts';
import { isObject } from './file-entries.ts';

/** Form in which a file holds values. */
export interface EntryForm {
  /** Returns the entry for the JSON of a value. */
  entryOf(key: string, json: string): unknown;
  /** Returns the value of an entry. Throws `TokenStoreError` if it cannot be read. */
  valueOf(key: string, entry: unknown): unknown;
}

interface Entry {
  readonly value?: unknown;
  readonly sealed?: unknown;
}

export const plainEntries: EntryForm = {
  entryOf: (_key, json) => ({ value: JSON.parse(json) as unknown }),
  valueOf: (key, entry) => {
    const { value, sealed } = fieldsOf(entry);
    if (value !== undefined) return value;
    throw unreadable(key, sealed === undefined ? 'is damaged' : 'is sealed, and the store has no keys');
  },
};

/** Returns the form of entries that are sealed for their keys, so that none can be moved to another key. */
export function sealedEntries(keys: SealingKeys): EntryForm {
  const contextOf = (key: string): string => JSON.stringify(['mcp', key]);
  return {
    entryOf: (key, json) => ({ sealed: keys.seal(json, contextOf(key)) }),
    valueOf: (key, entry) => {
      const { sealed } = fieldsOf(entry);
      // Anyone who can write the file could otherwise add values.
      if (typeof sealed !== 'string') throw unreadable(key, 'is not sealed, and the store has keys');
      try {
        return JSON.parse(keys.open(sealed, contextOf(key))) as unknown;
      } catch {
        throw unreadable(key, 'was changed, or sealed with a key that the store does not have');
      }
    },
  };
}

const fieldsOf = (entry: unknown): Entry => (isObject(entry) ? entry : {});

function unreadable(key: string, why: string): TokenStoreError {
  return new TokenStoreError(key, `cannot be read: it ${why}`);
}
