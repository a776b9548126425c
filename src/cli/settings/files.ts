import { readFileSync } from 'node:fs';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';

/** Reads a file. Throws `CommandError` if that fails; the message names the file and `option`. */
export function readText(file: string, option: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'no such file' : (code ?? 'not readable');
    throw new CommandError(`${option} ${file} cannot be read: ${reason}`, exitCodes.usage, { cause: error });
  }
}

/** Reads a JSON file. Throws `CommandError` if that fails. */
export function readJson(file: string, option: string): unknown {
  const text = readText(file, option);
  try {
    return JSON.parse(text);
  } catch (error) {
    // The message of the parser is not used: it quotes the file, which may hold tokens.
    const [, position] = /position (\d+)/.exec((error as Error).message) ?? [];
    const line = position && ` (line ${text.slice(0, Number(position)).split('\n').length})`;
    throw new CommandError(`${option} ${file} is not JSON${line ?? ''}`, exitCodes.usage);
  }
}
