import { firstValueFrom } from 'rxjs';
import { printable } from '../../base/printable.ts';
import { TokenError } from '../../login/errors.ts';
import type { ClientOptions } from '../../login/options.ts';
import { refresh } from '../../login/refresh.ts';
import type { Tokens } from '../../login/tokens.ts';
import { CommandError } from '../errors.ts';
import { exitCodes, rejectsClient } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import { readConfig } from '../login/config.ts';
import { finishing } from '../login/finishing.ts';
import { stopped } from '../login/interrupted.ts';
import { openTokenFile, readSaved } from '../login/open-token-file.ts';
import { isRejection } from '../login/refreshed.ts';
import type { TokenPlace } from '../login/place.ts';
import { tokensIn } from '../login/saved.ts';
import { saving, type Received } from '../login/saving.ts';
import { clientOptions, requirePlace, timeoutOf } from '../login/settings.ts';
import { duration } from '../times.ts';
import { credentialOf, isFresh, isValid, type Credential } from './credential.ts';
import { formatted } from './format.ts';
import type { TokenFlags } from './options.ts';

/** Prints a valid token from a file. Throws `CommandError`, or an error of the library. */
export async function token(argument: string | undefined, flags: TokenFlags, io: Io): Promise<void> {
  const read = readConfig(flags.settings ?? {}, io.env);
  const file = requirePlace(argument, read);
  const request = {
    client: clientOptions(read),
    timeout: timeoutOf(flags.timeout),
    flags,
    io,
    select: (text: string | undefined) => credentialOf(savedIn(text, file), file, flags.idToken),
    print: (credential: Credential) => void io.stdout.write(formatted(credential, flags.format, io.env)),
  };
  const saved = request.select(await readSaved(file, io, exitCodes.signIn));
  try {
    request.print(!flags.refresh && isFresh(saved) ? saved : await latest(saved, file, request));
  } catch (error) {
    throw read.blame(error);
  }
}

/** Request of the user. */
interface TokenRequest {
  readonly client: ClientOptions;
  /** Longest wait for another command, in milliseconds. */
  readonly timeout: number;
  readonly flags: TokenFlags;
  readonly io: Io;
  readonly select: (text: string | undefined) => Credential;
  readonly print: (credential: Credential) => void;
}

/** Resolves with the credential of the file once it is fresh. */
async function latest(saved: Credential, file: string, request: TokenRequest): Promise<Credential> {
  let opened: TokenPlace;
  try {
    opened = await openTokenFile(file, waitFor(saved, request), request.io, { prefix: '', errorOf: stopped });
  } catch (error) {
    return inPlaceOf(error, saved, request);
  }
  try {
    const latest = request.select(opened.text);
    // Another command has refreshed the file while this one waited for it.
    const isNew = latest.token !== saved.token && isValid(latest);
    return isNew ? latest : await renewed(latest, opened, request);
  } finally {
    await opened.close();
  }
}

/** Gives the longest wait for another command. A token that is still valid must be of use when it is printed. */
function waitFor(saved: Credential, { timeout, flags }: TokenRequest): number {
  return flags.refresh || !isUsable(saved) ? timeout : Math.min(timeout, (saved.expiresAt - Date.now()) / 2);
}

/** Refreshes the file. Resolves with the saved credential if that fails and the token is still valid. */
async function renewed(saved: Credential, opened: TokenPlace, request: TokenRequest): Promise<Credential> {
  const { path } = opened;
  const { tokens, name } = saved;
  if (tokens.refresh_token === undefined)
    throw needsSignIn(
      isValid(saved)
        ? `${path} has no refresh token`
        : `the ${name} in ${path} has expired, and there is no refresh token`,
    );
  let received: Received;
  try {
    await opened.requireReplaceable();
    received = await refreshed(tokens, opened, request);
  } catch (error) {
    const isRejected = error instanceof TokenError && isRejection(error);
    if (isRejected && !rejectsClient(error))
      throw needsSignIn(
        `${tokens.issuer} rejected the refresh token (${error.error ?? String(error.status)})`,
      );
    if (isRejected) throw error;
    return inPlaceOf(error, saved, request);
  }
  const credential = credentialOf(received.tokens, path, request.flags.idToken);
  if (received.unsaved) {
    // The token is of use, but the refresh token that came with it is lost.
    request.print(credential);
    throw received.unsaved;
  }
  // A server may say that a token which it has just issued lives for 0 seconds.
  if (credential.token === saved.token && !isValid(credential))
    throw needsSignIn(`${tokens.issuer} does not renew the ${name}, which has expired`);
  return credential;
}

/** Resolves with new tokens once they are saved, whatever they are like: the refresh token that was sent may be used up. */
function refreshed(tokens: Tokens, opened: TokenPlace, { client, io }: TokenRequest): Promise<Received> {
  return firstValueFrom(refresh(tokens, client).pipe(saving(opened), finishing(io, stopped)));
}

/** Gives the saved credential if it is still valid, and says why there is no new one. Throws the error otherwise. */
function inPlaceOf(error: unknown, saved: Credential, { flags, io }: TokenRequest): Credential {
  const isInterrupted = error instanceof CommandError && error.exitCode === exitCodes.interrupted;
  if (isInterrupted || flags.refresh || !isUsable(saved)) throw error;
  const left = duration(saved.expiresAt - Date.now());
  const { message } = error as Error;
  io.stderr.write(`${printable(`${message}; the saved ${saved.name} is valid for another ${left}`)}\n`);
  return saved;
}

function isUsable(credential: Credential): credential is Credential & { expiresAt: number } {
  return credential.expiresAt !== undefined && isValid(credential);
}

/** Reads the tokens of a file. Throws `CommandError` if there are none. */
function savedIn(text: string | undefined, file: string): Tokens {
  const tokens = text === undefined ? undefined : tokensIn(text);
  if (!tokens) throw needsSignIn(`${file} has no saved tokens`);
  return tokens;
}

function needsSignIn(reason: string): CommandError {
  return new CommandError(`${reason}; sign in again with login --save`, exitCodes.signIn);
}
