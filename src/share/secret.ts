import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { link, lstat, mkdir, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { readPrivateFile, UnsafeFileError } from '../base/private-file.ts';
import { UnsafeSecretError } from './errors.ts';

const fileName = 'share.secret';
const form = /^[\w-]{43}\n?$/;

/**
 * Returns the folder of this user that others cannot read: of the session if there is one, or else of the state of programs. A program
 * that was started without the variables of the session finds the same one.
 *
 * A variable with another value than an absolute path counts as not set, as the XDG base directory specification says. After `su`, the
 * session of the environment is that of another user.
 *
 * @throws {InvalidOptionError} if this user has no folder
 */
export function usualFolder(env: NodeJS.ProcessEnv = process.env, user = process.geteuid?.()): string {
  const { XDG_RUNTIME_DIR: runtime, XDG_STATE_HOME: state, LOCALAPPDATA: local } = env;
  const sessions = [runtime, `/run/user/${user}`].filter((folder) => isFolderOf(user, folder));
  const others = [
    process.platform === 'win32' ? local : undefined,
    state,
    join(homedir(), '.local', 'state'),
  ];
  const base = [...sessions, ...others].find((folder) => folder !== undefined && isAbsolute(folder));
  if (base === undefined)
    throw new InvalidOptionError('folder', 'must be given, because this user has no home folder');
  return join(base, 'rx-oauth-callback');
}

function isFolderOf(user: number | undefined, folder = ''): boolean {
  try {
    const found = statSync(folder);
    return found.isDirectory() && (user === undefined || found.uid === user);
  } catch {
    return false;
  }
}

/**
 * Reads the secret that all processes of a user share, and creates it if there is none. It stays: nobody has to remove it.
 *
 * @throws {UnsafeSecretError} if another user may read or replace it
 */
export async function readSecret(folder: string): Promise<Buffer> {
  const file = join(folder, fileName);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
      // A file has the name of the folder.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
    await requireOwnFolder(folder);
    const text = (await readSecretFile(file)) ?? (await createSecret(file));
    if (!form.test(text)) throw new UnsafeSecretError(`${file} holds no secret; remove it`);
    return Buffer.from(text.trim(), 'base64url');
  } catch (error) {
    if (error instanceof UnsafeFileError) throw new UnsafeSecretError(error.message, { cause: error });
    throw error;
  }
}

function readSecretFile(file: string): Promise<string | undefined> {
  return readPrivateFile(file, () => {
    throw new UnsafeSecretError(`${file} can be read by other users; remove it, and a new one is made`);
  });
}

/** Creates the secret. Of several processes that do at once, the first wins: a link does not replace a file. */
async function createSecret(file: string): Promise<string> {
  const draft = `${file}.${randomBytes(8).toString('hex')}`;
  try {
    await writeFile(draft, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
    await link(draft, file).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(draft, { force: true });
  }
  return (await readSecretFile(file)) ?? '';
}

async function requireOwnFolder(folder: string): Promise<void> {
  const found = await lstat(folder);
  const { mode, uid } = found;
  const user = process.geteuid?.();
  if (!found.isDirectory()) throw new UnsafeSecretError(`${folder} is no folder`);
  if (user === undefined) return;
  if (uid !== user) throw new UnsafeSecretError(`${folder} belongs to another user; choose another folder`);
  if (mode & 0o077) throw new UnsafeSecretError(`${folder} can be used by other users; run chmod 700 on it`);
}
