import { InvalidOptionError } from '../../base/invalid-option.ts';
import type { ReadSignInOptions, SignInOptions } from '../../login/options.ts';
import type { ServerOptions } from '../../server/options.ts';
import { isLoopback } from '../../base/loopback.ts';
import { browserEnvironment } from '../browser-environment.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Io } from '../io.ts';

/** Flags as commander parses them. */
export interface LoginFlags {
  issuer: string;
  clientId?: string;
  scope?: readonly string[];
  resource?: readonly string[];
  param?: readonly string[];
  port: string;
  host: string;
  callbackPath: string;
  timeout: string;
  clientAuth?: 'basic' | 'post';
  requirePkce?: boolean;
  requireIssuer?: boolean;
  save?: string;
  refresh?: boolean;
  via?: string;
  token?: string;
  browser?: boolean;
}

export interface LoginSettings {
  signIn: Omit<ReadSignInOptions, 'host' | 'server'> & { timeout: number };
  /** Options of the server here; not used with a remote service. */
  server: ServerOptions;
  /** Remote service that receives the redirect. */
  via: { url: string; token: string } | undefined;
  save: string | undefined;
  /** Set if saved tokens are refreshed though they are still valid. */
  refresh: boolean;
  /** Set if the user has decided about opening the browser. */
  browser: boolean | undefined;
  /** Environment of the browser, without secrets. */
  browserEnv: Io['env'];
}

export const secretName = 'RX_OAUTH_CALLBACK_CLIENT_SECRET';

// Longer than the token request may take, so that the page can show how it ended.
const settleTimeoutMs = 60_000;

/** Reads flags and environment. Throws `CommandError` for values that are invalid or contradict each other. */
export function readLogin(flags: LoginFlags, env: Io['env']): LoginSettings {
  const secret = env[secretName];
  const { clientId, requirePkce, requireIssuer } = flags;
  const scope = flags.scope?.join(' ');
  if (secret && clientId === undefined)
    throw usage(`${secretName} requires the --client-id that it belongs to`);
  const ofClient = clientOptions(flags, env);
  if (flags.save === '') throw usage('--save must name a file; got an empty text');
  if (flags.refresh && flags.save === undefined) throw usage('--refresh requires --save');
  // The message of the library would name options that this command does not have.
  if (!isLoopback(flags.host))
    throw usage(
      `--host must be 127.0.0.1, ::1 or localhost; got ${JSON.stringify(flags.host)}; ` +
        'if the browser runs on another machine, use the ssh -L command that login prints, or --via',
    );
  const timeout = integerOf('--timeout', flags.timeout, 1, 86_400) * 1_000;
  const via = viaOf(flags, env);
  return {
    signIn: {
      issuer: flags.issuer,
      timeout,
      resource: flags.resource ?? [],
      parameters: parametersOf(flags.param ?? []),
      singleFlight: false,
      ...(clientId !== undefined && { clientId }),
      ...(scope !== undefined && { scope }),
      ...ofClient,
      ...(requirePkce !== undefined && { requirePkce }),
      ...(requireIssuer !== undefined && { requireIssuer }),
    },
    server: {
      port: integerOf('--port', flags.port, 0, 65_535),
      callbackPath: flags.callbackPath,
      settle: settleTimeoutMs,
      // Without a host the server binds both address families, and advertises 127.0.0.1.
      ...(flags.host !== '127.0.0.1' && { host: flags.host }),
    },
    via,
    save: flags.save,
    refresh: flags.refresh === true,
    browser: flags.browser,
    browserEnv: browserEnvironment(env, [secret, via?.token]),
  };
}

function viaOf({ via: url, token }: LoginFlags, env: Io['env']): LoginSettings['via'] {
  const credential = token ?? env['RX_OAUTH_CALLBACK_TOKEN'];
  if (url === undefined) {
    if (token !== undefined) throw usage('--token requires --via');
    return undefined;
  }
  if (!credential) throw usage('--via requires a token; set RX_OAUTH_CALLBACK_TOKEN or pass --token');
  return { url, token: credential };
}

function parametersOf(given: readonly string[]): Record<string, string[]> {
  const parameters = new Map<string, string[]>();
  for (const each of given) {
    const equals = each.indexOf('=');
    // The value is not shown: it may be a secret.
    if (equals <= 0) throw usage('--param must be name=value; got one without a name or a value');
    const name = each.slice(0, equals);
    parameters.set(name, [...(parameters.get(name) ?? []), each.slice(equals + 1)]);
  }
  return Object.fromEntries(parameters);
}

/** Reads the client secret and the way to send it. Throws `CommandError` for a way without a secret. */
export function clientOptions(
  { clientAuth }: Pick<LoginFlags, 'clientAuth'>,
  env: Io['env'],
): Pick<SignInOptions, 'clientSecret' | 'clientAuthentication'> {
  const secret = env[secretName];
  if (clientAuth && !secret) throw usage(`--client-auth requires a secret in ${secretName}`);
  return {
    ...(secret && { clientSecret: secret }),
    ...(clientAuth && { clientAuthentication: `client_secret_${clientAuth}` as const }),
  };
}

/** Throws `CommandError` if the argument of a command names no file. */
export function requireFile(file: string): void {
  if (file === '') throw usage('<file> must name a file; got an empty text');
}

/** Reads a whole number. Throws `CommandError` for any other text. */
export function integerOf(flag: string, text: string, min: number, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw usage(`${flag} must be a whole number from ${min} to ${max}; got ${JSON.stringify(text)}`);
}

const flagOf: Readonly<Record<string, string>> = {
  url: '--via',
};

/** Turns an error about an option of the library into one about the flag. Other errors are returned unchanged. */
export function asFlag(error: unknown): unknown {
  if (!(error instanceof InvalidOptionError)) return error;
  const { option, message } = error;
  const [name = ''] = option.split('.');
  const flag =
    name === 'parameters'
      ? `--param ${option.slice(name.length + 1)}`
      : (flagOf[name] ?? `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
  return usage(message.replace(option, flag));
}

function usage(message: string): CommandError {
  return new CommandError(message, exitCodes.usage);
}
