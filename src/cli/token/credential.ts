import type { Tokens } from '../../login/tokens.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { marginMs } from '../login/saved.ts';

/** Token that a command prints, with the tokens of the same sign-in. */
export interface Credential {
  readonly token: string;
  /** Name of the token for people. */
  readonly name: 'access token' | 'ID token';
  /** Time of expiry in milliseconds since the epoch; undefined if the server did not say it. */
  readonly expiresAt: number | undefined;
  readonly tokens: Tokens;
}

/** Printable ASCII: anything else is no token, and could end a header or control a terminal. @see RFC 6749 appendix A.12 */
const tokenForm = /^[\x21-\x7e]+$/;

/** Selects the token to print. Throws `CommandError` if there is none. */
export function credentialOf(tokens: Tokens, file: string, idToken = false): Credential {
  const { access_token, id_token, claims, expiresAt } = tokens;
  const name = idToken ? 'ID token' : 'access token';
  const token = idToken ? id_token : access_token;
  if (token === undefined)
    throw new CommandError(
      `${file} has no ID token; sign in again with login --save and the scope openid`,
      exitCodes.signIn,
    );
  if (!tokenForm.test(token))
    throw new CommandError(`${file} has an ${name} with characters that no token may have`);
  if (!idToken) return { token, name, expiresAt, tokens };
  const exp = claims?.['exp'];
  return { token, name, expiresAt: typeof exp === 'number' ? exp * 1_000 : undefined, tokens };
}

/**
 * Tells if a token needs no refresh: it is valid for longer than the margin. Without a refresh token it is used to its end. If
 * its expiry is unknown, it is refreshed if that is possible.
 */
export function isFresh({ expiresAt, tokens }: Credential): boolean {
  if (tokens.refresh_token === undefined) return expiresAt === undefined || expiresAt > Date.now();
  return expiresAt !== undefined && expiresAt > Date.now() + marginMs;
}

/** Tells if a token has not expired, as far as its expiry is known. */
export function isValid({ expiresAt }: Credential): boolean {
  return expiresAt === undefined || expiresAt > Date.now();
}
