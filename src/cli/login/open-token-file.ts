import { firstValueFrom, merge, throwError, timeout as timeoutAfter, type Observable } from 'rxjs';
import { abortable } from '../../base/abortable.ts';
import { printable } from '../../base/printable.ts';
import { CommandError } from '../errors.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import { interrupted } from './interrupted.ts';
import { isKeychain } from '../places.ts';
import { KeychainPlace } from './keychain.ts';
import type { TokenPlace } from './place.ts';
import { TokenFile, type TokenFileOptions } from './save.ts';

interface OpenOptions extends Pick<TokenFileOptions, 'prefix' | 'onExposed'> {
  /** Creates the error of an interrupted wait. @default that of a cancelled sign-in */
  readonly errorOf?: () => CommandError;
}

/**
 * Opens the place of saved tokens once no other command uses it. Rejects with `CommandError` if that takes too long, or if the user
 * interrupts the wait.
 *
 * @param timeout In milliseconds.
 */
export async function openTokenFile(
  path: string,
  timeout: number,
  io: Io,
  { prefix = '--save ', errorOf, onExposed = () => undefined }: OpenOptions = {},
): Promise<TokenPlace> {
  const onWait = (): void =>
    void io.stderr.write(`${printable(`Another command is using ${path}; waiting for it to finish.`)}\n`);
  const opening = abortable<TokenPlace>((signal) =>
    isKeychain(path)
      ? KeychainPlace.open(path, io.env, { signal, onWait })
      : TokenFile.open(path, { signal, prefix, onWait, onExposed }),
  );
  const late = (): Observable<never> =>
    throwError(
      () => new CommandError(`${prefix}${path}: another command is still using it`, exitCodes.expired),
    );
  return firstValueFrom(
    merge(opening.pipe(timeoutAfter({ first: timeout, with: late })), interrupted(io, errorOf)),
  );
}

/** Returns a function that warns of a file that other users may read. Its tokens are used all the same: they are exposed already. */
export function exposureWarning(path: string, io: Pick<Io, 'stderr'>): () => void {
  return () =>
    void io.stderr.write(`${printable(`${path} can be read by other users; run chmod go-rwx ${path}`)}\n`);
}

/**
 * Reads the saved text without waiting for other commands; resolves with undefined if there is none. Throws `CommandError`.
 *
 * @param noTokens Exit code for a place with other content than tokens, or damaged ones.
 */
export function readSaved(
  path: string,
  io: Pick<Io, 'stderr'>,
  noTokens?: ExitCode,
): Promise<string | undefined> {
  return isKeychain(path)
    ? KeychainPlace.read(path, noTokens)
    : TokenFile.read(path, exposureWarning(path, io), noTokens);
}
