import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { lockFile, type FileLock, type FileLockOptions } from '../../base/file-lock.ts';
import { sha256 } from '../../base/sha256.ts';
import { CommandError } from '../errors.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import { entryOf } from '../places.ts';
import { isReplaceable, type TokenPlace } from './place.ts';

/** Part of an entry of `@napi-rs/keyring` that is used here. */
interface Entry {
  getPassword(): Promise<string | null>;
  setPassword(password: string): Promise<void>;
  deletePassword(): Promise<boolean>;
}

const service = 'rx-oauth-callback';

/** An entry of the keychain of the system, which no other command changes until it is closed. */
export class KeychainPlace implements TokenPlace {
  readonly path: string;
  readonly text: string | undefined;
  readonly #entry: Entry;
  readonly #lock: FileLock;

  private constructor(path: string, text: string | undefined, entry: Entry, lock: FileLock) {
    this.path = path;
    this.text = text;
    this.#entry = entry;
    this.#lock = lock;
  }

  /**
   * Reads an entry without waiting for other commands; resolves with undefined if there is none. Throws `CommandError`.
   *
   * @param noTokens Exit code for an entry with other content than tokens, or damaged ones.
   */
  static async read(path: string, noTokens?: ExitCode): Promise<string | undefined> {
    const entry = await entryAt(path);
    const text = await done(path, 'read', async () => (await entry.getPassword()) ?? undefined);
    if (text === undefined || isReplaceable(text)) return text;
    const reason = 'contains something other than the tokens of a sign-in; remove it, or choose another name';
    throw new CommandError(`${path}: ${reason}`, noTokens);
  }

  /** Waits until no other command uses the entry. Throws `CommandError` if there is no keychain. */
  static async open(path: string, env: Io['env'], options: FileLockOptions): Promise<KeychainPlace> {
    // Before anything is written.
    await KeychainPlace.read(path);
    const lock = await done(path, 'locked', async () => lockFile(await lockOf(path, env), options));
    try {
      // Once more: the one who had it may have saved meanwhile.
      return new KeychainPlace(path, await KeychainPlace.read(path), await entryAt(path), lock);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  async requireReplaceable(): Promise<void> {
    if (this.text !== undefined) await this.replace(this.text);
  }

  async replace(text: string): Promise<void> {
    await done(this.path, 'written', async () => {
      await this.#lock.requireHeld();
      await this.#entry.setPassword(text);
    });
  }

  async remove(): Promise<void> {
    await done(this.path, 'deleted', async () => {
      await this.#lock.requireHeld();
      await this.#entry.deletePassword();
    });
  }

  async close(): Promise<void> {
    await this.#lock.release();
  }
}

async function entryAt(path: string): Promise<Entry> {
  const name = entryOf(path);
  if (name === '') throw new CommandError('keychain: must be followed by a name', exitCodes.usage);
  const { AsyncEntry } = await loadKeyring(path);
  return done(path, 'opened', () =>
    // The other store of Linux forgets everything when the user logs out.
    Promise.resolve(new AsyncEntry(service, name, { linux: { store: 'secret-service' } })),
  );
}

async function loadKeyring(path: string): Promise<typeof import('@napi-rs/keyring')> {
  try {
    return await import('@napi-rs/keyring');
  } catch (error) {
    throw new CommandError(
      `${path} needs the package @napi-rs/keyring: npm install @napi-rs/keyring`,
      exitCodes.usage,
      { cause: error },
    );
  }
}

/** Gives the file whose lock stands for the entry: a keychain has none of its own. */
async function lockOf(path: string, { XDG_STATE_HOME: state = '' }: Io['env']): Promise<string> {
  const folder = join(isAbsolute(state) ? state : join(homedir(), '.local', 'state'), service);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return join(folder, `keychain-${sha256(entryOf(path), 'base64url')}`);
}

/** Awaits a step. Rejects with `CommandError` if it fails; messages of the keychain have no secret. */
async function done<T>(path: string, action: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof CommandError) throw error;
    // An aborted wait has its own error.
    if ((error as Error).name === 'AbortError') throw error;
    const { message } = error as Error;
    throw new CommandError(`${path}: cannot be ${action} (${message})`, exitCodes.failed, { cause: error });
  }
}
