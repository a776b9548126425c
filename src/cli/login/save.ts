import { lockFile, LockLostError, type FileLock, type FileLockOptions } from '../../base/file-lock.ts';
import { readPrivateFile, UnsafeFileError } from '../../base/private-file.ts';
import { CommandError } from '../errors.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { isReplaceable, type TokenPlace } from './place.ts';

/** Options of `TokenFile.open`. */
export interface TokenFileOptions extends FileLockOptions {
  /** Text before the path in messages. @default '--save ' */
  readonly prefix?: string;
  /** Called if other users may read the file. */
  readonly onExposed?: () => void;
}

/** The file of `--save`, which no other command changes until it is closed. */
export class TokenFile implements TokenPlace {
  readonly path: string;
  /** Content of the file when it was opened; undefined if there was none. */
  readonly text: string | undefined;
  readonly #prefix: string;
  readonly #lock: FileLock;

  private constructor(path: string, text: string | undefined, prefix: string, lock: FileLock) {
    this.path = path;
    this.text = text;
    this.#prefix = prefix;
    this.#lock = lock;
  }

  /**
   * Reads the file without waiting for other commands, which replace it in one step. Resolves with undefined if there is none.
   * Throws `CommandError` if it is not one to keep tokens in.
   *
   * @param noTokens Exit code for a file with other content than tokens, or damaged ones.
   */
  static async read(
    path: string,
    onExposed?: () => void,
    noTokens: ExitCode = exitCodes.failed,
  ): Promise<string | undefined> {
    try {
      return await textOf(path, onExposed);
    } catch (error) {
      // There is no folder either.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw unusable('', path, error, 'read', noTokens);
    }
  }

  /** Waits until no other command uses the file. Throws `CommandError` if it is not one to keep tokens in. */
  static async open(path: string, options: TokenFileOptions): Promise<TokenFile> {
    const { prefix = '--save ', onExposed } = options;
    try {
      // Before anything is written beside it.
      await textOf(path, onExposed);
      const lock = await lockFile(path, options);
      try {
        // Once more: the one who had it may have saved meanwhile.
        return new TokenFile(path, await textOf(path), prefix, lock);
      } catch (error) {
        await lock.release();
        throw error;
      }
    } catch (error) {
      throw unusable(prefix, path, error);
    }
  }

  /**
   * Replaces the file by itself, because only that shows surely that it can be replaced: a mounted file looks like any other.
   * A refresh token that was used up must not be lost.
   */
  async requireReplaceable(): Promise<void> {
    if (this.text !== undefined) await this.replace(this.text);
  }

  /** Replaces the file in one step, readable only by its owner from the first byte on. Throws `CommandError`. */
  async replace(text: string): Promise<void> {
    try {
      await this.#lock.replace(text);
    } catch (error) {
      throw unusable(this.#prefix, this.path, error);
    }
  }

  /** Deletes the file. Throws `CommandError`. */
  async remove(): Promise<void> {
    try {
      await this.#lock.remove();
    } catch (error) {
      throw unusable(this.#prefix, this.path, error, 'deleted');
    }
  }

  async close(): Promise<void> {
    await this.#lock.release();
  }
}

/** Reads a file that may be replaced: it has the tokens of an earlier sign-in, or white space only. */
async function textOf(file: string, onExposed?: () => void): Promise<string | undefined> {
  // Editors of Windows begin a file with a byte order mark.
  const text = (await readPrivateFile(file, onExposed))?.replace(/^\uFEFF/, '');
  if (text !== undefined && !isReplaceable(text)) throw new NoTokensError(file);
  return text;
}

/** A file with other content than tokens, or damaged ones. */
class NoTokensError extends UnsafeFileError {
  constructor(file: string) {
    super(file, 'contains something other than the tokens of a sign-in; remove it, or choose another file');
  }
}

function unusable(
  prefix: string,
  file: string,
  error: unknown,
  action = 'written',
  noTokens?: ExitCode,
): CommandError {
  if (error instanceof CommandError) return error;
  if (error instanceof NoTokensError)
    return new CommandError(`${prefix}${error.file}: ${error.reason}`, noTokens);
  if (error instanceof UnsafeFileError) return new CommandError(`${prefix}${error.file}: ${error.reason}`);
  if (error instanceof LockLostError)
    return new CommandError(`${prefix}${file}: another command has taken it over`);
  const { code, message } = error as NodeJS.ErrnoException;
  const advice = code === 'EBUSY' ? '; if it is mounted by itself, mount its folder instead' : '';
  return new CommandError(`${prefix}${file}: cannot be ${action} (${code ?? message})${advice}`);
}
