import { isDeepStrictEqual } from 'node:util';
import { printableJson } from '../../base/printable.ts';
import { Tokens } from '../../login/tokens.ts';
import type { LoginSettings } from './settings.ts';

/**
 * Reads the tokens that an earlier sign-in has left in the file of `--save`. Returns undefined if there are none, or they do not
 * fit the flags.
 */
export function savedTokens(
  { signIn, scopesOf }: LoginSettings,
  text: string | undefined,
): Tokens | undefined {
  const { issuer, clientId, scope, parameters = {}, dpop = false } = signIn;
  // Parameters are for the page of the authorization server, which the user wants to see.
  if (text === undefined || Object.keys(parameters).length > 0) return undefined;
  const tokens = tokensIn(text);
  if (tokens?.issuer !== issuer) return undefined;
  // Only a new sign-in can bind tokens to a key.
  if (dpop !== false && !tokens.dpopKey) return undefined;
  if (clientId !== undefined && tokens.client_id !== clientId) return undefined;
  if (scope === undefined) return tokens;
  const [asked, granted] = [scopesIn(scope), scopesIn(tokens.scope)];
  const fits =
    scopesOf === 'server' ? asked.every((each) => granted.includes(each)) : isDeepStrictEqual(asked, granted);
  return fits ? tokens : undefined;
}

/** Time before its expiry in which a saved access token is not used any more. */
export const marginMs = 60_000;

/**
 * Tells if saved tokens can be used as they are. That needs an access token with a known expiry. It also needs the same
 * resources: tokens for other ones can be refreshed for these, but not used.
 */
export function isReusable(tokens: Tokens, { refresh, signIn: { resource } }: LoginSettings): boolean {
  const { expiresAt = 0 } = tokens;
  return (
    !refresh &&
    expiresAt - marginMs > Date.now() &&
    isDeepStrictEqual(sorted(tokens.resource), sorted(resource))
  );
}

const sorted = (resource: string | readonly string[] = []): string[] =>
  [...new Set([resource].flat())].sort();

/** Returns the text to save or print for tokens. */
export function textOf(tokens: Tokens): string {
  return `${printableJson(JSON.stringify(tokens.toDict(), undefined, 2))}\n`;
}

/** Reads tokens from the text of a file; returns undefined if there are none. */
export function tokensIn(text: string): Tokens | undefined {
  try {
    const tokens = Tokens.fromDict(JSON.parse(text) as Record<string, unknown>);
    if (!URL.canParse(tokens.issuer)) return undefined;
    // Without claims a refresh could not detect tokens of another user.
    return tokens.id_token === undefined || tokens.claims ? tokens : undefined;
  } catch {
    return undefined;
  }
}

/** Sorts scopes without `offline_access`: few servers list it as granted, and the refresh token shows that it was. */
const scopesIn = (scope = ''): readonly string[] =>
  [...new Set(scope.split(' '))].filter((each) => each !== '' && each !== 'offline_access').sort();
