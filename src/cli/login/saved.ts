import { readFile } from 'node:fs/promises';
import { Tokens } from '../../login/tokens.ts';
import type { LoginSettings } from './settings.ts';

/**
 * The tokens that an earlier sign-in has left in the file of `--save`, where a refresh of them is all that is asked for;
 * undefined where the person has to be asked.
 */
export async function savedTokens({ save, signIn }: LoginSettings): Promise<Tokens | undefined> {
  const { issuer, clientId, scope, parameters = {} } = signIn;
  // These are for the page that the person sees.
  if (save === undefined || Object.keys(parameters).length > 0) return undefined;
  const tokens = await tokensIn(save);
  if (tokens?.refresh_token === undefined || tokens.issuer !== issuer) return undefined;
  if (clientId !== undefined && tokens.client_id !== clientId) return undefined;
  return scope === undefined || scopesIn(scope) === scopesIn(tokens.scope) ? tokens : undefined;
}

/** Of whatever there is in the file. */
async function tokensIn(file: string): Promise<Tokens | undefined> {
  try {
    const tokens = Tokens.fromDict(JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>);
    // Without the claims, nothing could tell that the new tokens are somebody else's.
    return tokens.id_token === undefined || tokens.claims ? tokens : undefined;
  } catch {
    return undefined;
  }
}

/** Few servers count this one among those that they grant; the refresh token says that they did. */
const scopesIn = (scope = ''): string =>
  [...new Set(scope.split(' '))]
    .filter((each) => each !== 'offline_access')
    .sort()
    .join(' ');
