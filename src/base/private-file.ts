import { constants, type Stats } from 'node:fs';
import { lstat, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A file that another user may have written or may replace. */
export class UnsafeFileError extends Error {
  override readonly name = 'UnsafeFileError';

  constructor(
    readonly file: string,
    /** Continues a sentence that begins with the file. */
    readonly reason: string,
  ) {
    super(`${file} ${reason}`);
  }
}

const othersMayWrite = 0o022;
const everyoneMayWrite = 0o002;
const othersMayRead = 0o044;
const sticky = 0o1000;

/**
 * Reads a file that only this user can have written; resolves with undefined if there is none. A symbolic link is not followed.
 * Windows has no modes and owners to check.
 *
 * @param onExposed Called if other users may read the file.
 * @throws {UnsafeFileError} if it belongs to another user, others may write or replace it, or it is no regular file
 */
export async function readPrivateFile(file: string, onExposed?: () => void): Promise<string | undefined> {
  const folder = dirname(file);
  await requirePrivateIfThere(file);
  requirePrivateFolder(file, await stat(folder));
  try {
    // Windows has neither of the last two, and opens no link or pipe under the name of a file.
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    const handle = await open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const found = await handle.stat();
      requirePrivate(file, found);
      if (isExposed(found)) onExposed?.();
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/**
 * Creates a file that only this user can read, unless it exists. A folder that is missing is created, for this user only too.
 *
 * In the folder nobody else may create files, so that a program may write others beside it.
 *
 * @throws {UnsafeFileError} as `readPrivateFile` does
 */
export async function createPrivateFile(file: string): Promise<void> {
  const folder = dirname(file);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await stat(folder);
  requirePrivateFolder(file, found);
  if (found.mode & sticky)
    throw new UnsafeFileError(
      file,
      'is in a folder where other users create files; choose a folder of its own',
    );
  await requirePrivateIfThere(file);
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  const handle = await open(file, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    const created = await handle.stat();
    requirePrivate(file, created);
    if (isExposed(created)) await handle.chmod(0o600);
  } finally {
    await handle.close();
  }
}

/** Checks a file before it is opened: opening a device may have an effect. */
async function requirePrivateIfThere(file: string): Promise<void> {
  try {
    requirePrivate(file, await lstat(file));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function requirePrivate(file: string, found: Stats): void {
  if (found.isSymbolicLink())
    throw new UnsafeFileError(file, 'is a symbolic link; choose the file that it leads to');
  if (found.isDirectory()) throw new UnsafeFileError(file, 'is a folder');
  if (!found.isFile()) throw new UnsafeFileError(file, 'is no regular file');
  const user = process.geteuid?.();
  if (user === undefined) return;
  if (found.uid !== user) throw new UnsafeFileError(file, 'belongs to another user; choose another file');
  if (found.mode & othersMayWrite)
    throw new UnsafeFileError(
      file,
      'can be written by other users; remove it, or run chmod go-w if its content is yours',
    );
}

/** Tells if other users may read a file. Windows has no modes to tell it by. */
export function isExposed({ mode }: Stats): boolean {
  return process.geteuid !== undefined && (mode & othersMayRead) !== 0;
}

function requirePrivateFolder(file: string, { uid, gid, mode }: Stats): void {
  const user = process.geteuid?.();
  if (user === undefined) return;
  if (uid !== user && uid !== 0)
    throw new UnsafeFileError(file, 'is in a folder of another user; choose a folder of your own');
  if (mode & sticky) return;
  // Many systems give each user a group of the same number, which may write what the user creates.
  const trustsGroup = gid === user || gid === 0;
  if (mode & (trustsGroup ? everyoneMayWrite : othersMayWrite))
    throw new UnsafeFileError(
      file,
      'is in a folder where other users may replace it; choose a folder that only you can write',
    );
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
