import { InvalidOptionError } from '../../errors.ts';
import type { SignInOptions } from '../../login/options.ts';
import type { ServerOptions } from '../../options.ts';
import { isLoopback } from '../../validate.ts';
import { CommandError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Io } from '../io.ts';

/** As commander gives them. */
export interface LoginFlags {
  issuer: string;
  clientId?: string;
  scope?: string;
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
  via?: string;
  token?: string;
  browser?: boolean;
}

export interface LoginSettings {
  signIn: Omit<SignInOptions, 'host' | 'server'>;
  /** Of the server here, where no service elsewhere is used. */
  server: ServerOptions;
  /** The service elsewhere. */
  via: { url: string; token: string } | undefined;
  save: string | undefined;
  /** Whether to open the browser; undefined where that is to be found out. */
  browser: boolean | undefined;
}

const secretName = 'RX_OAUTH_CALLBACK_CLIENT_SECRET';

// How long the page waits for the token request, which gives up sooner.
const settle = 60_000;

/** What flags and environment come to. Throws `CommandError` for those that make no sense. */
export function readLogin(flags: LoginFlags, env: Io['env']): LoginSettings {
  const secret = env[secretName];
  const { clientId, scope, clientAuth, requirePkce, requireIssuer } = flags;
  if (secret && clientId === undefined) throw usage(`${secretName} needs the --client-id it belongs to`);
  if (clientAuth && !secret) throw usage(`--client-auth needs the secret to send in ${secretName}`);
  // The library's own advice is of options that are not here.
  if (!isLoopback(flags.host))
    throw usage(
      `--host must be 127.0.0.1, ::1 or localhost, got ${JSON.stringify(flags.host)}; ` +
        'for a browser on another machine use the ssh -L line that login prints, or --via',
    );
  const timeout = integerOf('--timeout', flags.timeout, 1, 86_400) * 1_000;
  return {
    signIn: {
      issuer: flags.issuer,
      timeout,
      resource: flags.resource ?? [],
      parameters: parametersOf(flags.param ?? []),
      singleFlight: false,
      ...(clientId !== undefined && { clientId }),
      ...(scope !== undefined && { scope }),
      ...(secret && { clientSecret: secret }),
      ...(clientAuth && { clientAuthentication: `client_secret_${clientAuth}` as const }),
      ...(requirePkce !== undefined && { requirePkce }),
      ...(requireIssuer !== undefined && { requireIssuer }),
    },
    server: {
      port: integerOf('--port', flags.port, 0, 65_535),
      callbackPath: flags.callbackPath,
      settle,
      // The default holds both address families and advertises this one.
      ...(flags.host !== '127.0.0.1' && { host: flags.host }),
    },
    via: viaOf(flags, env),
    save: flags.save,
    browser: flags.browser,
  };
}

function viaOf({ via: url, token }: LoginFlags, env: Io['env']): LoginSettings['via'] {
  const credential = token ?? env['RX_OAUTH_CALLBACK_TOKEN'];
  if (url === undefined) {
    if (token !== undefined) throw usage('--token is for --via, which is not given');
    return undefined;
  }
  if (!credential) throw usage('--via needs a token: set RX_OAUTH_CALLBACK_TOKEN, or --token');
  return { url, token: credential };
}

function parametersOf(given: readonly string[]): Record<string, string[]> {
  const parameters = new Map<string, string[]>();
  for (const each of given) {
    const equals = each.indexOf('=');
    // Not shown: it may hold anything.
    if (equals <= 0) throw usage('--param must be name=value, got one without a name or a value');
    const name = each.slice(0, equals);
    parameters.set(name, [...(parameters.get(name) ?? []), each.slice(equals + 1)]);
  }
  return Object.fromEntries(parameters);
}

function integerOf(flag: string, text: string, least: number, most: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw usage(`${flag} must be a whole number from ${least} to ${most}, got ${JSON.stringify(text)}`);
}

const flagOf: Readonly<Record<string, string>> = {
  url: '--via',
};

/** An option of the library that is at fault, under the name that it has here. */
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
