import type { BridgeToken } from '../../bridge.ts';
import { randomToken } from '../../base/random.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { readJson } from '../settings/files.ts';
import { parse } from '../settings/read.ts';
import { tokens as schema } from '../settings/schema.ts';
import type { Token } from '../settings/setting.ts';
import type { Config } from './config.ts';

/** Tokens of the programs that may connect. */
export interface Access {
  readonly tokens: readonly BridgeToken[];
  /** Token that was made for this run, if none is configured. */
  readonly made: string | undefined;
}

type GivenTokens = NonNullable<Config['tokens']>;

/**
 * Reads the tokens, and makes one if neither tokens nor an issuer of JWTs is configured. Throws `CommandError` for an empty list
 * without such an issuer: no program could connect.
 *
 * @param made Token that an earlier call has made.
 * @param ofTenants Tokens of the tenants.
 */
export function readAccess(
  { token, tokens, jwt }: Config,
  made?: string,
  ofTenants: readonly BridgeToken[] = [],
): Access {
  const listed = [...readTokens(tokens ?? [], '--tokens'), ...ofTenants];
  const given = token === undefined ? listed : [single(token), ...listed];
  if (given.length > 0 || jwt) return { tokens: given, made: undefined };
  if (tokens !== undefined) {
    const list = typeof tokens === 'string' ? `--tokens ${tokens}` : 'tokens in the file';
    throw new CommandError(`${list} contains no token, so no program could connect`, exitCodes.usage);
  }
  const own = made ?? randomToken();
  return { tokens: [single(own)], made: own };
}

/**
 * Reads tokens, from their file if they are the path of one. Throws `CommandError` if that fails.
 *
 * @param option Name of the option that has the tokens, for messages.
 */
export function readTokens(tokens: GivenTokens, option: string): BridgeToken[] {
  if (typeof tokens !== 'string') return tokens.map(plain);
  const label = (path: readonly string[]): string => `${path.join('.') || 'what is'} in ${tokens}`;
  return parse(schema, readJson(tokens, option), label).map(plain);
}

function single(token: string): BridgeToken {
  return { name: 'token', token, roles: ['listener', 'monitor'] };
}

function plain({ expiresAt, ...rest }: Token): BridgeToken {
  return expiresAt === undefined ? rest : { ...rest, expiresAt };
}
