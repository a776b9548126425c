import { firstValueFrom } from 'rxjs';
import { printable } from '../../base/printable.ts';
import { TokenError } from '../../login/errors.ts';
import type { ClientOptions } from '../../login/options.ts';
import { refresh } from '../../login/refresh.ts';
import type { Tokens } from '../../login/tokens.ts';
import { CommandError } from '../errors.ts';
import { exitCodes, rejectsClient } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import { finishing } from '../login/finishing.ts';
import { stopped } from '../login/interrupted.ts';
import { openTokenFile } from '../login/open-token-file.ts';
import { isRejection } from '../login/refreshed.ts';
import { TokenFile } from '../login/save.ts';
import { resourcesOf, textOf, tokensIn } from '../login/saved.ts';
import { asFlag, clientOptions, integerOf } from '../login/settings.ts';
import { duration } from '../times.ts';
import { credentialOf, isFresh, isValid, type Credential } from './credential.ts';
import { formatted } from './format.ts';
import type { TokenFlags } from './options.ts';

/** Prints a valid token from a file. Throws `CommandError`, or an error of the library. */
export async function token(file: string, flags: TokenFlags, io: Io): Promise<void> {
  const client = clientOptions(flags, io.env);
  const timeout = integerOf('--timeout', flags.timeout, 1, 86_400) * 1_000;
  const select = (text: string | undefined): Credential =>
    credentialOf(savedIn(text, file), file, flags.idToken);
  const print = (credential: Credential): void => void io.stdout.write(formatted(credential, flags.format));
  const saved = select(await TokenFile.read(file));
  if (!flags.refresh && isFresh(saved)) {
    print(saved);
    return;
  }
  const opened = await openTokenFile(file, timeout, io, { prefix: '', errorOf: stopped });
  try {
    const latest = select(opened.text);
    // Another command has refreshed the file while this one waited for it.
    const isNew = latest.token !== saved.token && isValid(latest);
    print(isNew ? latest : await renewed(latest, opened, client, flags, io));
  } catch (error) {
    throw asFlag(error);
  } finally {
    await opened.close();
  }
}

/** Refreshes the file. Resolves with the saved credential if the server is in trouble and the token is still valid. */
async function renewed(
  saved: Credential,
  opened: TokenFile,
  client: ClientOptions,
  flags: TokenFlags,
  io: Io,
): Promise<Credential> {
  const { path } = opened;
  const { tokens, name } = saved;
  if (tokens.refresh_token === undefined)
    throw needsSignIn(
      isValid(saved)
        ? `${path} has no refresh token`
        : `the ${name} in ${path} has expired, and there is no refresh token`,
    );
  await opened.requireReplaceable();
  const resource = resourcesOf(tokens);
  const requested = refresh(tokens, { ...client, ...(resource.length > 0 && { resource }) });
  let after: Tokens;
  try {
    after = await firstValueFrom(requested.pipe(finishing(io, stopped)));
  } catch (error) {
    const isRejected = error instanceof TokenError && isRejection(error);
    if (isRejected && !rejectsClient(error))
      throw needsSignIn(
        `${tokens.issuer} rejected the refresh token (${error.error ?? String(error.status)})`,
      );
    if (isRejected || flags.refresh || error instanceof CommandError || !isUsable(saved)) throw error;
    const { message } = error as Error;
    const left = duration(saved.expiresAt - Date.now());
    io.stderr.write(`${printable(`${message}; the saved ${name} is valid for another ${left}`)}\n`);
    return saved;
  }
  const select = (): Credential => credentialOf(after, path, flags.idToken);
  // Saved first, whatever the token is like: the refresh token that was sent may be used up.
  await opened.replace(textOf(after, { signIn: { resource } })).catch((error: unknown) => {
    // The token is of use, but the refresh token that came with it is lost.
    io.stdout.write(formatted(select(), flags.format));
    throw error;
  });
  const credential = select();
  // A server may say that a token which it has just issued lives for 0 seconds.
  if (credential.token === saved.token && !isValid(credential))
    throw needsSignIn(`${tokens.issuer} does not renew the ${name}, which has expired`);
  return credential;
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
