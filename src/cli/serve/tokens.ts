import type { BridgeToken } from '../../bridge.ts';
import { randomToken } from '../../base/random.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { readJson } from '../settings/files.ts';
import { parse } from '../settings/read.ts';
import { tokens as schema } from '../settings/schema.ts';
import type { Config } from './config.ts';

/** Tokens of the programs that may connect. */
export interface Access {
  readonly tokens: readonly BridgeToken[];
  /** Token that was made for this run, if none is configured. */
  readonly made: string | undefined;
}

/**
 * Reads the tokens, and makes one if neither tokens nor an issuer of JWTs is configured. Throws `CommandError` for an empty list
 * without such an issuer: no program could connect.
 *
 * @param made Token that an earlier call has made.
 */
export function readAccess({ token, tokens, jwt }: Config, made?: string): Access {
  const listed = typeof tokens === 'string' ? readTokens(tokens) : (tokens ?? []);
  const given = token === undefined ? listed.map(plain) : [single(token), ...listed.map(plain)];
  if (given.length > 0 || jwt) return { tokens: given, made: undefined };
  if (tokens !== undefined) {
    const list = typeof tokens === 'string' ? `--tokens ${tokens}` : 'tokens in the file';
    throw new CommandError(`${list} contains no token, so no program could connect`, exitCodes.usage);
  }
  const own = made ?? randomToken();
  return { tokens: [single(own)], made: own };
}

function readTokens(file: string): ReturnType<typeof parse<typeof schema>> {
  return parse(schema, readJson(file, '--tokens'), (path) => `${path.join('.') || 'what is'} in ${file}`);
}

function single(token: string): BridgeToken {
  return { name: 'token', token, roles: ['listener', 'monitor'] };
}

function plain({ expiresAt, ...rest }: ReturnType<typeof readTokens>[number]): BridgeToken {
  return expiresAt === undefined ? rest : { ...rest, expiresAt };
}
