import { UnsafeFileError } from '../base/private-file.ts';

/** Entries of a file, by key. An entry that cannot be read is kept as it is. */
export type FileEntries = Map<string, unknown>;

const version = 1;

/** Reads the text of a file. @throws {UnsafeFileError} if it is none that a file store has written */
export function parseEntries(file: string, text: string): FileEntries {
  // As of a file that was created to be filled.
  if (text.trim() === '') return new Map();
  const content = parsed(text);
  if (typeof content.version === 'number' && content.version > version)
    throw new UnsafeFileError(file, 'was written by a newer version of this package; update this one');
  if (content.version !== version || !isObject(content.values))
    throw new UnsafeFileError(
      file,
      'contains something other than stored tokens; remove it, or choose another file',
    );
  return new Map(Object.entries(content.values));
}

export function printEntries(entries: FileEntries): string {
  return `${JSON.stringify({ version, values: Object.fromEntries(entries) }, undefined, 2)}\n`;
}

function parsed(text: string): { readonly version?: unknown; readonly values?: unknown } {
  try {
    const content: unknown = JSON.parse(text);
    return isObject(content) ? content : {};
  } catch {
    // Its message has a part of the text.
    return {};
  }
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
