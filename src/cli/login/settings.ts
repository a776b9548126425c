import type { ReadSignInOptions, SignInOptions } from '../../login/options.ts';
import type { ServerOptions } from '../../server/options.ts';
import { isLoopback } from '../../base/loopback.ts';
import { browserEnvironment } from '../../login/browser-environment.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import { durationOf, expectedDuration } from '../settings/duration.ts';
import type { Flags } from '../settings/layers.ts';
import type { ReadSettings } from '../settings/read.ts';
import { readConfig, type Config } from './config.ts';
import { labelOf } from './labels.ts';
import { targetOf } from './target.ts';

export interface LoginSettings {
  /** With `mcp`, the issuer is the origin of that server until the server has named another one. */
  signIn: Omit<ReadSignInOptions, 'host' | 'server'> & { timeout: number };
  /** URL of the MCP server to sign in to, which is asked for the rest. */
  mcp: string | undefined;
  /** Source of the scopes. A server names what it needs, and tokens may have more. */
  scopesOf: 'user' | 'server';
  /** Options of the server here; not used with a remote service. */
  server: ServerOptions;
  /** True if the port is shared with other processes of this user. */
  share: boolean;
  /** Remote service that receives the redirect. */
  via: { url: string; token: string } | undefined;
  save: string | undefined;
  /** Set if saved tokens are refreshed though they are still valid. */
  refresh: boolean;
  /** Set if the user has decided about opening the browser. */
  browser: boolean | undefined;
  /** Environment of the browser, without secrets. */
  browserEnv: Io['env'];
  /** Turns an error about an option of the library into one about its source. Other errors are returned unchanged. */
  blame: ReadSettings<Config>['blame'];
}

// Longer than the token request may take, so that the page can show how it ended.
const settleTimeoutMs = 60_000;

/** Flags of `login`, by the key of their setting. */
export type LoginFlags = Flags & { readonly refresh?: boolean };

/** Reads flags, environment and file. Throws `CommandError` for values that are invalid or contradict each other. */
export function readLogin(flags: LoginFlags, env: Io['env']): LoginSettings {
  const read = readConfig(flags, env);
  const { config } = read;
  const { clientId, clientSecret: secret, scopes, save, host } = config;
  const { issuer, mcp, resource } = targetOf(read);
  if (secret && clientId === undefined)
    throw usage(`${labelOf('clientSecret', read)} requires the --client-id that it belongs to`);
  const ofClient = clientOptions(read);
  const refresh = flags.refresh === true;
  if (refresh && save === undefined) throw usage('--refresh requires --save');
  requireLoopback(read);
  const via = viaOf(read);
  if (config.share) requireSharable(read);
  return {
    signIn: {
      issuer,
      timeout: config.timeout,
      resource,
      parameters: parametersOf(config.parameters ?? [], labelOf('parameters', read)),
      singleFlight: false,
      // The MCP specification requires PKCE, unless the user decides otherwise.
      ...((mcp === undefined || read.labels.has('requirePkce')) && { requirePkce: config.requirePkce }),
      requireIssuer: config.requireIssuer,
      pushedAuthorizationRequest: config.pushedAuthorizationRequest,
      dpop: config.dpop,
      ...(config.device !== undefined && { device: config.device ? 'only' : 'never' }),
      ...(config.context !== undefined && { context: config.context }),
      ...(config.binding && { binding: config.binding }),
      ...(config.successUrl !== undefined && { successUrl: config.successUrl }),
      ...(config.responseMode && { responseMode: config.responseMode }),
      ...(config.clientMetadataUrl !== undefined && { clientMetadataUrl: config.clientMetadataUrl }),
      ...(clientId !== undefined && { clientId }),
      ...(scopes && { scope: scopes.join(' ') }),
      ...ofClient,
    },
    server: {
      port: config.port,
      callbackPath: config.callbackPath,
      settle: settleTimeoutMs,
      ...(config.successUrl !== undefined && { finishUrls: [config.successUrl] }),
      // Without a host the server binds both address families, and advertises 127.0.0.1.
      ...(host !== '127.0.0.1' && { host }),
    },
    share: config.share,
    mcp,
    scopesOf: 'user',
    via,
    save,
    refresh,
    browser: config.browser,
    browserEnv: browserEnvironment(env, [secret, via?.token]),
    blame: read.blame,
  };
}

/** Throws `CommandError` if the redirect URI would not be on this machine. */
export function requireLoopback(read: Pick<ReadSettings<Config>, 'config' | 'labels'>): void {
  const { host } = read.config;
  // The message of the library would name options that this command does not have.
  if (!isLoopback(host))
    throw usage(
      `${labelOf('host', read)} must be 127.0.0.1, ::1 or localhost; got ${JSON.stringify(host)}; ` +
        'if the browser runs on another machine, use the ssh -L command that login prints, or --via',
    );
}

/** Throws `CommandError` if other processes could not have the same redirect URI. */
function requireSharable(read: ReadSettings<Config>): void {
  const label = labelOf('share', read);
  const { port, host, via } = read.config;
  if (via !== undefined)
    throw usage(`${label} and --via contradict each other: the service has a port of its own`);
  if (port === 0) throw usage(`${label} requires a --port that the others name too`);
  if (host !== '127.0.0.1') throw usage(`${label} requires the --host 127.0.0.1`);
}

function viaOf({ config: { via: url, token }, labels }: ReadSettings<Config>): LoginSettings['via'] {
  if (url === undefined) {
    // The variable may be set for another command.
    if (labels.get('token') === '--token') throw usage('--token requires --via');
    return undefined;
  }
  if (!token) throw usage('--via requires a token; set RX_OAUTH_CALLBACK_TOKEN or pass --token');
  return { url, token };
}

function parametersOf(given: readonly string[], label: string): Record<string, string[]> {
  const parameters = new Map<string, string[]>();
  for (const each of given) {
    const equals = each.indexOf('=');
    // The value is not shown: it may be a secret.
    if (equals <= 0) throw usage(`${label} must be name=value; got one without a name or a value`);
    const name = each.slice(0, equals);
    parameters.set(name, [...(parameters.get(name) ?? []), each.slice(equals + 1)]);
  }
  return Object.fromEntries(parameters);
}

/** Gives the client secret and the way to send it. Throws `CommandError` for a way without a secret. */
export function clientOptions(
  read: Pick<ReadSettings<Config>, 'config' | 'labels'>,
): Pick<SignInOptions, 'clientSecret' | 'clientAuthentication'> {
  const { clientSecret, clientAuth } = read.config;
  if (clientAuth && !clientSecret)
    throw usage(`${labelOf('clientAuth', read)} requires a secret in RX_OAUTH_CALLBACK_CLIENT_SECRET`);
  return {
    ...(clientSecret && { clientSecret }),
    ...(clientAuth && { clientAuthentication: `client_secret_${clientAuth}` as const }),
  };
}

/**
 * Gives the place of the saved tokens for a command that needs one. Throws `CommandError` if there is none.
 *
 * @param file Argument of the command.
 */
export function requirePlace(
  file: string | undefined,
  { config: { save }, labels }: ReadSettings<Config>,
): string {
  if (file === '') throw usage('<file> must name a file; got an empty text');
  if (file !== undefined && labels.get('save') === '--save')
    throw usage('--save and <file> name the same thing; pass one of them');
  const place = file ?? save;
  if (place === undefined)
    throw usage('a file is missing; name it, or set save in a profile of the configuration');
  return place;
}

/** Reads a whole number. Throws `CommandError` for any other text. */
export function integerOf(flag: string, text: string, min: number, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw usage(`${flag} must be a whole number from ${min} to ${max}; got ${JSON.stringify(text)}`);
}

/** Reads a time limit, in milliseconds. Throws `CommandError` for any other text. */
export function timeoutOf(text: string): number {
  const range = { unit: 's', min: 1, max: 86_400 } as const;
  const value = durationOf(/^\d{1,9}$/.test(text) ? Number(text) : text, range);
  if (value !== undefined) return value;
  throw usage(`--timeout must be ${expectedDuration(range)}; got ${JSON.stringify(text)}`);
}

function usage(message: string): CommandError {
  return new CommandError(message, exitCodes.usage);
}
