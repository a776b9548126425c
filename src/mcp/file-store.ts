import { chmod, mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { lockFile, LockLostError, type FileLock } from '../base/file-lock.ts';
import { inTurnByKey } from '../base/in-turn.ts';
import { readOptions, type OptionTable } from '../base/options.ts';
import { readPrivateFile, UnsafeFileError } from '../base/private-file.ts';
import { SealingKeys, type SealingKey } from '../base/sealing-keys.ts';
import { sha256 } from '../base/sha256.ts';
import { invalid, requireList } from '../base/validate.ts';
import { plainEntries, sealedEntries, type EntryForm } from './entry-form.ts';
import { TokenStoreError } from './errors.ts';
import { parseEntries, printEntries, type FileEntries } from './file-entries.ts';
import { jsonOf } from './json.ts';
import type { McpStore } from './store.ts';

/** Options of `fileStore`. */
export interface FileStoreOptions {
  /**
   * Keys that seal the values with AES-256-GCM. The first key seals, all of them open: put a new key first. A value that
   * none of them opens cannot be read, nor can one that is not sealed.
   * @default none: the values are as safe as the file
   */
  keys?: readonly SealingKey[];
}

const optionTable: OptionTable<FileStoreOptions> = { keys: true };

/**
 * Creates a store in one file, which any number of programs may share. The file can be read by its owner only; a folder
 * that is missing is created, for its owner only too. A file with other content is left as it is.
 *
 * @throws InvalidOptionError if the path is empty or a key is not valid
 *
 * @example
 * import { homedir } from 'node:os';
 * import { join } from 'node:path';
 * import { fileStore, mcpAuth } from 'rx-oauth-callback/mcp';
 *
 * const store = fileStore(join(homedir(), '.config', 'my-agent', 'tokens.json'));
 * await using auth = mcpAuth({ store });
 */
export function fileStore(path: string, options: FileStoreOptions = {}): McpStore {
  if (typeof path !== 'string' || path === '') throw invalid('path', 'name a file', path);
  const { keys } = readOptions(options, optionTable, { of: 'fileStore' }, {});
  if (keys === undefined) return new FileStore(resolve(path), plainEntries);
  requireList('keys', keys);
  if (keys.length === 0) throw invalid('keys', 'have a key at least', keys);
  return new FileStore(resolve(path), sealedEntries(new SealingKeys(keys)));
}

// Shared by all stores of this process, because a lock that is waited for is looked at ten times a second only.
const savesOf = inTurnByKey();
const worksOf = inTurnByKey();

class FileStore implements McpStore {
  readonly #path: string;
  readonly #form: EntryForm;
  /** Locks of this store, by key. */
  readonly #held = new Map<string, FileLock>();
  /** Entries that the next replacement of the file sets; undefined deletes one. */
  #changes = new Map<string, unknown>();
  #saved: Promise<ReadonlySet<string>> | undefined;

  constructor(path: string, form: EntryForm) {
    this.#path = path;
    this.#form = form;
  }

  async get(key: string): Promise<unknown> {
    const entries = await this.#reporting(key, 'read', () => this.#read());
    return entries.has(key) ? this.#form.valueOf(key, entries.get(key)) : undefined;
  }

  async set(key: string, value: unknown): Promise<void> {
    await this.#change(key, this.#form.entryOf(key, jsonOf(value)));
  }

  async delete(key: string): Promise<void> {
    await this.#change(key, undefined);
  }

  lock<T>(key: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const place = `${this.#path}.${sha256(key, 'base64url').slice(0, 22)}`;
    return worksOf(place, async () => {
      signal?.throwIfAborted();
      const take = async (): Promise<FileLock> => {
        await this.#createFolder();
        return lockFile(place, signal && { signal });
      };
      const lock = await this.#reporting(key, 'locked', take, signal);
      this.#held.set(key, lock);
      try {
        return await work();
      } finally {
        this.#held.delete(key);
        // The result of the work must not be lost. A lock that stays shows no sign of life.
        await lock.release().catch(() => undefined);
      }
    });
  }

  async #change(key: string, entry: unknown): Promise<void> {
    this.#changes.set(key, entry);
    this.#saved ??= savesOf(this.#path, () => {
      const changes = this.#changes;
      this.#changes = new Map();
      this.#saved = undefined;
      return this.#save(changes);
    });
    const saved = this.#saved;
    const lost = await this.#reporting(key, 'written', () => saved);
    if (lost.has(key)) throw new TokenStoreError(key, 'was not changed: another process has taken its lock');
  }

  /** Changes entries. Resolves with the keys whose lock another process has taken over; theirs stay. */
  async #save(changes: ReadonlyMap<string, unknown>): Promise<ReadonlySet<string>> {
    await this.#createFolder();
    // Before anything is written beside it.
    await this.#read();
    const lock = await lockFile(this.#path);
    try {
      const entries = await this.#read();
      const lost = new Set<string>();
      for (const [key, entry] of changes) {
        if (await isLost(this.#held.get(key))) lost.add(key);
        else if (entry === undefined) entries.delete(key);
        else entries.set(key, entry);
      }
      await lock.replace(printEntries(entries));
      return lost;
    } catch (error) {
      // This process was suspended, and others have saved meanwhile.
      if (error instanceof LockLostError) return await this.#save(changes);
      throw error;
    } finally {
      await lock.release();
    }
  }

  async #read(): Promise<FileEntries> {
    let isExposed = false as boolean;
    const expose = (): void => void (isExposed = true);
    const text = await readPrivateFile(this.#path, expose).catch((error: unknown) => {
      // There is no folder either.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    });
    const entries = parseEntries(this.#path, text ?? '');
    // A copy that was made with another mode. On a medium that is read-only it stays so.
    if (isExposed) await chmod(this.#path, 0o600).catch(() => undefined);
    return entries;
  }

  async #createFolder(): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
  }

  /** Rejects with `TokenStoreError` if a step fails, unless the signal ended it. */
  async #reporting<T>(key: string, action: string, step: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await step();
    } catch (error) {
      if (signal?.aborted) throw error;
      const { code, name } = error as NodeJS.ErrnoException;
      const why = error instanceof UnsafeFileError ? error.message : `${this.#path} (${code ?? name})`;
      throw new TokenStoreError(key, `cannot be ${action}: ${why}`);
    }
  }
}

async function isLost(lock: FileLock | undefined): Promise<boolean> {
  return (
    lock !== undefined &&
    !(await lock.requireHeld().then(
      () => true,
      () => false,
    ))
  );
}
