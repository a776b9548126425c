import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CommandError } from '../errors.ts';

/** Before anybody signs in in vain. Throws `CommandError`. */
export async function requireSavable(file: string): Promise<void> {
  try {
    await access(dirname(file), constants.W_OK);
  } catch (error) {
    throw unsavable(file, error);
  }
  const there = await stat(file).catch(() => undefined);
  if (there?.isDirectory()) throw new CommandError(`--save ${file}: is a folder`);
  // It is put in the place of what is there, and a device is not to be replaced.
  if (there?.isFile() === false) throw new CommandError(`--save ${file}: is no regular file`);
}

/** All of it or nothing, whoever reads meanwhile, and for the eyes of its owner only from the first byte on. */
export async function save(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw unsavable(file, error);
  }
}

function unsavable(file: string, error: unknown): CommandError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new CommandError(`--save ${file}: cannot be written (${code ?? message})`);
}
