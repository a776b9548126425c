import { firstValueFrom, merge } from 'rxjs';
import { printable } from '../../base/printable.ts';
import { RevocationError, type RevokedToken } from '../../login/errors.ts';
import type { ClientOptions } from '../../login/options.ts';
import { revoke } from '../../login/revoke.ts';
import type { Tokens } from '../../login/tokens.ts';
import { CommandError } from '../errors.ts';
import { exitCodeOf, exitCodes } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import { readConfig } from '../login/config.ts';
import { interrupted, stopped } from '../login/interrupted.ts';
import { openTokenFile, readSaved } from '../login/open-token-file.ts';
import type { TokenPlace } from '../login/place.ts';
import { tokensIn } from '../login/saved.ts';
import { clientOptions, requirePlace, timeoutOf } from '../login/settings.ts';
import { duration } from '../times.ts';
import type { LogoutFlags } from './options.ts';

/** Revokes the tokens of a file, and deletes it. Throws `CommandError`. */
export async function logout(argument: string | undefined, flags: LogoutFlags, io: Io): Promise<void> {
  const read = readConfig(flags.settings ?? {}, io.env);
  const file = requirePlace(argument, read);
  const client = clientOptions(read);
  const timeout = timeoutOf(flags.timeout);
  const say = (sentence: string): void => void io.stderr.write(`${printable(sentence)}\n`);
  const requireText = (text: string | undefined): string => {
    if (text === undefined) throw new CommandError(`${file} has no saved tokens`, exitCodes.signIn);
    return text;
  };
  // Before a lock is made beside it.
  requireText(await readSaved(file, io));
  const opened = await openTokenFile(file, timeout, io, { prefix: '', errorOf: stopped });
  try {
    const tokens = tokensIn(requireText(opened.text));
    if (!tokens) {
      if (!flags.forget)
        throw new CommandError(`${file} has no saved tokens; to delete it, pass --forget`, exitCodes.signIn);
      await opened.remove();
      say(`${file} is deleted.`);
      return;
    }
    const outcome = await revoked(tokens, client, flags, io);
    if (outcome instanceof Error) say(`${outcome.message}; its tokens may stay valid until they expire`);
    await remove(opened, outcome);
    say(`Signed out of ${tokens.issuer}; ${file} is deleted.`);
    if (!(outcome instanceof Error) && !outcome.includes('access_token')) say(rest(tokens));
  } finally {
    await opened.close();
  }
}

/** Resolves with the names of what is revoked, or with the error if the file is to be forgotten all the same. */
async function revoked(
  tokens: Tokens,
  client: ClientOptions,
  { forget }: LogoutFlags,
  io: Io,
): Promise<readonly RevokedToken[] | Error> {
  try {
    return await firstValueFrom(merge(revoke(tokens, client), interrupted(io, stopped)));
  } catch (error) {
    if (error instanceof CommandError || !(error instanceof Error)) throw error;
    if (forget) return error;
    const [before] = error instanceof RevocationError ? error.revoked : [];
    const partly = before === undefined ? '' : `, though the ${before.replace('_', ' ')} is revoked`;
    throw new CommandError(
      `${error.message}${partly}; the file is kept: try again, or pass --forget to delete it all the same`,
      exitCodeOf(error),
    );
  }
}

/** Deletes the file; the error says if only that has failed. */
async function remove(opened: TokenPlace, outcome: readonly RevokedToken[] | Error): Promise<void> {
  try {
    await opened.remove();
  } catch (error) {
    const { message, exitCode } = error as CommandError;
    throw outcome instanceof Error ? error : new CommandError(`${message}; its tokens are revoked`, exitCode);
  }
}

/** Says how long the access token of a server stays valid that revokes refresh tokens only. */
function rest({ issuer, expiresAt }: Tokens): string {
  const left =
    expiresAt === undefined ? 'until it expires' : `for another ${duration(expiresAt - Date.now())}`;
  return `${issuer} revokes no access tokens; this one stays valid ${left}.`;
}
