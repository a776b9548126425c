import { isSecure } from '../../base/loopback.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { ReadSettings } from '../settings/read.ts';
import type { Config } from './config.ts';
import { labelOf, layerOf } from './labels.ts';

/** Target of a sign-in. */
export interface Target {
  /** Origin of the MCP server, if there is one. */
  readonly issuer: string;
  /** URL of the MCP server; undefined if the user has named an issuer. */
  readonly mcp: string | undefined;
  readonly resource: readonly string[];
}

/**
 * Decides between an issuer and an MCP server: the layer that overrides the other one has it, as for any setting. Throws
 * `CommandError` if one layer has both, or there is neither.
 */
export function targetOf(read: Pick<ReadSettings<Config>, 'config' | 'labels'>): Target {
  const { issuer, mcp, resources = [] } = read.config;
  const lead = (key: string): number => layerOf(key, read) - layerOf('mcp', read);
  if (mcp === undefined || (issuer !== undefined && lead('issuer') > 0)) {
    if (issuer === undefined)
      throw usage(
        '--issuer is missing; pass it or --mcp, or set RX_OAUTH_CALLBACK_LOGIN_ISSUER or issuer in the file',
      );
    return { issuer, mcp: undefined, resource: resources };
  }
  for (const [key, name] of [
    ['issuer', 'issuer'],
    ['resources', 'resource'],
  ] as const)
    if (read.config[key] !== undefined && lead(key) >= 0)
      throw usage(
        `the server of ${labelOf('mcp', read)} names the ${name} itself; leave ${labelOf(key, read)} out`,
      );
  const server = serverOf(mcp, labelOf('mcp', read));
  return { issuer: new URL(server).origin, mcp: server, resource: [] };
}

/** Gives the URL of an MCP server in its canonical form. */
function serverOf(given: string, label: string): string {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  // Not shown, because it may have the password of a user.
  if (url?.username || url?.password) throw usage(`${label} must be a URL without a user and a password`);
  if (!url || !/^https?:$/.test(url.protocol))
    throw usage(`${label} must be the URL of an MCP server; got ${JSON.stringify(given)}`);
  if (!isSecure(url))
    throw usage(`${label} must be https, or http on loopback; got ${JSON.stringify(given)}`);
  url.hash = '';
  return url.href;
}

function usage(message: string): CommandError {
  return new CommandError(message, exitCodes.usage);
}
