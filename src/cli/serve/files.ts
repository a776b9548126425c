import { readFileSync } from 'node:fs';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';

/** @param option Who names the file, for the sentence where it cannot be read. */
export function readText(file: string, option: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : (code ?? 'it is not readable');
    throw new CommandError(`${option} ${file} cannot be read: ${why}`, exitCodes.usage, { cause: error });
  }
}

export function readJson(file: string, option: string): unknown {
  const text = readText(file, option);
  try {
    return JSON.parse(text);
  } catch (error) {
    // Its message quotes the file, tokens and all.
    const [, position] = /position (\d+)/.exec((error as Error).message) ?? [];
    const line = position && ` (line ${text.slice(0, Number(position)).split('\n').length})`;
    throw new CommandError(`${option} ${file} is not JSON${line ?? ''}`, exitCodes.usage);
  }
}
