import { readFileSync, readlinkSync } from 'node:fs';
import {
  access,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  writeFile,
} from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { UnsafeFileError } from './private-file.ts';
import { randomToken } from './random.ts';
import { sha256 } from './sha256.ts';

const beatMs = 1_000;
const lookMs = 100;

/** Looks that find no sign of life before a lock is taken over. Not a time: a process that was suspended has not looked. */
const maxSilentLooks = 100;

/** The lock of a file was taken over by another process, because this one gave no sign of life for ten seconds. */
export class LockLostError extends Error {
  override readonly name = 'LockLostError';
}

export interface FileLockOptions {
  /** Ends the wait for another holder. */
  readonly signal?: AbortSignal;
  /** Called once if another holder has the lock. */
  readonly onWait?: () => void;
}

/** A file that no other holder of its lock changes, in this process or another. */
export interface FileLock {
  /**
   * Replaces the file in one step, readable only by its owner from the first byte on. Rejects with `LockLostError` if another
   * process has taken the lock over; the file then stays as that process left it.
   */
  replace(text: string): Promise<void>;
  /**
   * Deletes the file. Rejects with `LockLostError` if another process has taken the lock over; the file then stays as that
   * process left it.
   */
  remove(): Promise<void>;
  /** Rejects with `LockLostError` if another process has taken the lock over. */
  requireHeld(): Promise<void>;
  /** Lets the next one have the file. */
  release(): Promise<void>;
}

/**
 * Waits until the file is free, and locks it. A lock ends with its process: one that was killed on this machine is noticed at
 * the next look, one on another machine or one that is suspended after ten seconds without a sign of life.
 *
 * The lock of `FILE` is the folder `FILE.lock` with one folder in it, which is named after its holder. It is taken by renaming
 * a folder that is complete, which succeeds only if `FILE.lock` is empty or missing. The text to save is written in the holder's
 * folder. Whoever takes the lock over moves that folder away, so that a holder that wakes up has nothing left to rename.
 */
export async function lockFile(file: string, { signal, onWait }: FileLockOptions = {}): Promise<FileLock> {
  const lock = `${file}.lock`;
  const id = newId();
  const aside = `${lock}.${id}`;
  let seen = '';
  let silentLooks = 0;
  let waits = false;
  for (;;) {
    signal?.throwIfAborted();
    const holder = await holderOf(lock);
    if (holder === undefined) {
      if (await occupy(lock, id, aside)) break;
      continue;
    }
    silentLooks = holder.sign === seen ? silentLooks + 1 : 0;
    seen = holder.sign;
    if (isDead(holder.id) || silentLooks >= maxSilentLooks) {
      await vacate(lock, holder.id, aside);
      continue;
    }
    if (!waits) onWait?.();
    waits = true;
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
  await removeLeftovers(lock).catch(() => undefined);
  const held = new HeldLock(file, lock, id, aside);
  if (signal?.aborted) await held.release();
  signal?.throwIfAborted();
  return held;
}

class HeldLock implements FileLock {
  readonly #file: string;
  readonly #lock: string;
  readonly #id: string;
  readonly #aside: string;
  readonly #beats: NodeJS.Timeout;
  #beat = 0;

  constructor(file: string, lock: string, id: string, aside: string) {
    this.#file = file;
    this.#lock = lock;
    this.#id = id;
    this.#aside = aside;
    // Not created again in the folder of another holder: that folder has another name.
    const beat = (): Promise<void> => writeFile(join(lock, id, 'beat'), String(++this.#beat));
    this.#beats = setInterval(() => void beat().catch(() => undefined), beatMs).unref();
  }

  async replace(text: string): Promise<void> {
    const file = this.#file;
    const draft = join(this.#lock, this.#id, 'draft');
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
      await this.requireHeld();
      await rm(draft, { force: true });
      throw error;
    }
  }

  async remove(): Promise<void> {
    // Into the folder of this holder, because that is gone if another one has taken the lock over.
    const removed = join(this.#lock, this.#id, 'removed');
    try {
      await rename(this.#file, removed);
    } catch (error) {
      await this.requireHeld();
      throw error;
    }
    await rm(removed, { force: true });
  }

  async requireHeld(): Promise<void> {
    if (await this.#isLost()) throw new LockLostError(`${this.#file} was taken over by another process`);
  }

  async #isLost(): Promise<boolean> {
    const [folder, own] = await Promise.all(
      [dirname(this.#file), join(this.#lock, this.#id)].map((path) => exists(path)),
    );
    return folder === true && own === false;
  }

  async release(): Promise<void> {
    clearInterval(this.#beats);
    await vacate(this.#lock, this.#id, this.#aside);
    await removeStrays(this.#lock).catch(() => undefined);
    // Another holder may have it already.
    await rmdir(this.#lock).catch(() => undefined);
  }
}

/** The holder of a lock. Its sign changes for as long as it lives. */
interface Holder {
  readonly id: string;
  readonly sign: string;
}

async function holderOf(lock: string): Promise<Holder | undefined> {
  try {
    const found = await lstat(lock);
    // A link of another user may lead anywhere.
    const isOwn = found.uid === (process.geteuid?.() ?? found.uid);
    const names = found.isDirectory() && isOwn ? await readdir(lock) : [''];
    const id = names.find((name) => idPattern.test(name));
    if (id === undefined) {
      if (!names.every(isStray)) throw new UnsafeFileError(lock, 'is not a lock of yours; remove it');
      await removeStrays(lock);
      // POSIX replaces an empty folder; Windows does not.
      if (process.platform === 'win32') await rmdir(lock);
      return undefined;
    }
    const beat = await readFile(join(lock, id, 'beat'), 'utf8').catch(() => '');
    return { id, sign: `${id} ${beat}` };
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Takes a lock that was free a moment ago. Resolves with false if another holder was faster. */
async function occupy(lock: string, id: string, prepared: string): Promise<boolean> {
  await mkdir(prepared, 0o700);
  try {
    await mkdir(join(prepared, id), 0o700);
    await writeFile(join(prepared, id, 'beat'), '0');
    await rename(prepared, lock);
    return true;
  } catch (error) {
    await rm(prepared, { recursive: true, force: true });
    const taken = ['ENOTEMPTY', 'EEXIST', ...(process.platform === 'win32' ? ['EPERM', 'EACCES'] : [])];
    if (hasCode(error, ...taken)) return false;
    throw error;
  }
}

/** Ends the hold of this holder and no other. Whatever it has not yet renamed is removed. */
async function vacate(lock: string, id: string, aside: string): Promise<void> {
  try {
    await rename(join(lock, id), aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  await rm(aside, { recursive: true, force: true });
}

/** Removes what processes have left that were killed while they took or ended a lock. */
async function removeLeftovers(lock: string): Promise<void> {
  const prefix = `${basename(lock)}.`;
  const folder = dirname(lock);
  for (const name of await readdir(folder)) {
    if (!name.startsWith(prefix) || !isDead(name.slice(prefix.length))) continue;
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** Removes what is in a lock beside its holder. Nothing can be renamed to a folder with files in it. */
async function removeStrays(lock: string): Promise<void> {
  for (const name of (await readdir(lock)).filter(isStray)) await rm(join(lock, name), { force: true });
}

// Files that desktops of macOS and Windows put into every folder they show.
const isStray = (name: string): boolean => /^(?:\.DS_Store|\._.+|Thumbs\.db|desktop\.ini)$/i.test(name);

const idPattern = /^([\w-]{16})-(\d+)-[\w-]+$/;

const newId = (): string => `${machine()}-${process.pid}-${randomToken(9)}`;

/** Tells if the process that made this id has surely ended. A number that is in use again is not judged by it. */
function isDead(id: string): boolean {
  const [, where, pid] = idPattern.exec(id) ?? [];
  if (where !== machine()) return false;
  try {
    return !process.kill(Number(pid), 0);
  } catch (error) {
    return hasCode(error, 'ESRCH');
  }
}

let known: string | undefined;

/** Names the set of processes whose numbers this process can judge: on Linux one boot and one container. */
function machine(): string {
  known ??= sha256(processes(), 'base64url').slice(0, 16);
  return known;
}

function processes(): string {
  if (process.platform !== 'linux') return hostname();
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8') + readlinkSync('/proc/self/ns/pid');
  } catch {
    return randomToken();
  }
}

async function exists(path: string): Promise<boolean | undefined> {
  try {
    await access(path);
    return true;
  } catch (error) {
    return hasCode(error, 'ENOENT') ? false : undefined;
  }
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? '');
}
