import type { BridgeToken } from '../../bridge.ts';
import { randomToken } from '../../pkce.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { parse, type Config } from './config.ts';
import { readJson } from './files.ts';
import { tokens as schema } from './schema.ts';

/** Who may connect. */
export interface Access {
  readonly tokens: readonly BridgeToken[];
  /** Set where nobody has given one, and this run has its own. */
  readonly made: string | undefined;
}

/**
 * Throws `CommandError` for a list that has nobody, who could then not connect either.
 *
 * @param made That of an earlier reading.
 */
export function readAccess({ token, tokens }: Config, made?: string): Access {
  const listed = typeof tokens === 'string' ? readTokens(tokens) : (tokens ?? []);
  const given = token === undefined ? listed.map(plain) : [single(token), ...listed.map(plain)];
  if (given.length > 0) return { tokens: given, made: undefined };
  if (tokens !== undefined) {
    const list = typeof tokens === 'string' ? `--tokens ${tokens}` : 'tokens in the file';
    throw new CommandError(`${list} has no token: nobody could connect`, exitCodes.usage);
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
