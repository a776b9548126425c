import type { Setting, SettingRow } from '../settings/setting.ts';

/** Commands that work with a sign-in. */
export type SignInCommand = 'login' | 'token' | 'logout' | 'redirect-uri';

const server = 'Authorization server and client:';
const redirect = 'Redirect:';
const saved = 'Saved tokens:';
const files = 'Configuration:';

const onlyLogin = ['login'] as const;
const ofRedirects = ['login', 'redirect-uri'] as const;
const all = ['login', 'token', 'logout'] as const;
const ofAll = [...all, 'redirect-uri'] as const;

interface LoginRow extends SettingRow<never> {
  readonly feeds: 'command';
  readonly group: string;
  /** Commands that use the setting. */
  readonly of: readonly SignInCommand[];
}

/**
 * The settings of `login`, some of which `token` and `logout` use too, by their key in the configuration file. Flags, environment
 * variables, the schema of the file, the help and docs/reference/settings.md are all derived from this table.
 */
const table = {
  issuer: {
    ...{ feeds: 'command', group: server, of: ofRedirects },
    flag: '--issuer <url>',
    type: 'text',
    sentence: 'issuer of the authorization server, exactly as in its metadata',
  },
  mcp: {
    ...{ feeds: 'command', group: server, of: onlyLogin },
    flag: '--mcp <url>',
    type: 'text',
    sentence: 'MCP server to sign in to, which names the issuer, the resource and the scopes',
  },
  clientId: {
    ...{ feeds: 'command', group: server, of: onlyLogin },
    flag: '--client-id <id>',
    type: 'text',
    sentence: 'client id (default: register a client, if the server supports it)',
  },
  clientMetadataUrl: {
    ...{ feeds: 'command', group: server, of: onlyLogin },
    flag: '--client-metadata-url <url>',
    type: 'text',
    sentence: 'URL of a client metadata document, to use as client id if the server supports that',
  },
  clientSecret: {
    ...{ feeds: 'command', group: server, of: all },
    variable: 'RX_OAUTH_CALLBACK_CLIENT_SECRET',
    type: 'text',
    sentence: 'secret of a confidential client',
    secret: true,
  },
  clientAuth: {
    ...{ feeds: 'command', group: server, of: all },
    flag: '--client-auth <method>',
    type: 'choice',
    choices: ['basic', 'post'],
    sentence: 'how to send the client secret',
  },
  scopes: {
    ...{ feeds: 'command', group: server, of: onlyLogin },
    flag: '--scope <scopes>',
    type: 'list',
    sentence: 'scopes to request, separated by spaces',
  },
  resources: {
    ...{ feeds: 'command', group: server, of: onlyLogin },
    flag: '--resource <uri>',
    type: 'list',
    sentence: 'resource that the tokens are for (RFC 8707)',
  },
  parameters: {
    ...{ feeds: 'command', group: server, of: onlyLogin },
    flag: '--param <name=value>',
    type: 'list',
    sentence: 'further parameter of the authorization URL',
    secret: true,
  },
  responseMode: {
    ...{ feeds: 'command', group: server, of: onlyLogin },
    flag: '--response-mode <mode>',
    type: 'choice',
    choices: ['query', 'form_post'],
    sentence: 'how the server sends the response (default: as its metadata says)',
  },
  pushedAuthorizationRequest: {
    ...{ feeds: 'command', group: server, of: onlyLogin },
    flag: '--par',
    type: 'switch',
    default: false,
    sentence: 'push the authorization request (RFC 9126), even if the server does not require it',
    opposite: 'push it only if the server requires it',
  },
  device: {
    ...{ feeds: 'command', group: server, of: onlyLogin },
    flag: '--device',
    type: 'switch',
    sentence: 'sign in on another device only (RFC 8628), without a redirect (default: offer both)',
    opposite: 'do not offer to sign in on another device',
  },
  dpop: {
    ...{ feeds: 'command', group: server, of: onlyLogin },
    flag: '--dpop',
    type: 'switch',
    default: false,
    sentence: 'bind the tokens to a key (RFC 9449), which is saved with them',
    opposite: 'do not bind the tokens to a key',
  },
  requirePkce: {
    ...{ feeds: 'command', group: server, of: onlyLogin },
    flag: '--require-pkce',
    type: 'switch',
    default: false,
    sentence: 'reject a server whose metadata does not list PKCE with S256',
    opposite: 'accept such a server, even if the environment or the file rejects it',
  },
  requireIssuer: {
    ...{ feeds: 'command', group: server, of: onlyLogin },
    flag: '--require-issuer',
    type: 'switch',
    default: false,
    sentence: 'reject a response without an issuer (RFC 9207)',
    opposite: 'accept such a response, even if the environment or the file rejects it',
  },
  port: {
    ...{ feeds: 'command', group: redirect, of: ofRedirects },
    flag: '--port <port>',
    type: 'port',
    default: 0,
    sentence: 'port of the redirect URI; 0 for a free one',
  },
  host: {
    ...{ feeds: 'command', group: redirect, of: ofRedirects },
    flag: '--host <host>',
    type: 'text',
    default: '127.0.0.1',
    sentence: 'host of the redirect URI: 127.0.0.1, ::1 or localhost',
  },
  share: {
    ...{ feeds: 'command', group: redirect, of: onlyLogin },
    flag: '--share',
    type: 'switch',
    default: false,
    sentence: 'share the port with other processes of this user; requires --port',
    opposite: 'do not share the port, even if the environment or the file does',
  },
  callbackPath: {
    ...{ feeds: 'command', group: redirect, of: ofRedirects },
    flag: '--callback-path <path>',
    type: 'text',
    default: '/callback',
    sentence: 'path of the redirect URI',
  },
  context: {
    ...{ feeds: 'command', group: redirect, of: ofRedirects },
    flag: '--context <name>',
    type: 'text',
    sentence: 'last segment of the redirect URI, so that only one authorization server uses it',
  },
  binding: {
    ...{ feeds: 'command', group: redirect, of: onlyLogin },
    flag: '--binding <how>',
    type: 'choice',
    choices: ['cookie', 'code', 'none'],
    sentence:
      'tie to the browser: only the one that has opened the URL may finish, or the page shows a code to type here ' +
      '(default: that of the service, none on this machine)',
  },
  successUrl: {
    ...{ feeds: 'command', group: redirect, of: onlyLogin },
    flag: '--success-url <url>',
    type: 'text',
    sentence: 'page that the browser is redirected to after a successful sign-in',
  },
  timeout: {
    ...{ feeds: 'command', group: redirect, of: onlyLogin },
    flag: '--timeout <duration>',
    type: 'duration',
    unit: 's',
    min: 1,
    max: 86_400,
    default: 600,
    sentence: 'time limit of the sign-in, in seconds or such as 10m',
  },
  via: {
    ...{ feeds: 'command', group: redirect, of: onlyLogin },
    flag: '--via <url>',
    type: 'text',
    sentence: 'bridge of the callback service that receives the redirect, instead of this machine',
  },
  token: {
    ...{ feeds: 'command', group: redirect, of: onlyLogin },
    flag: '--token <token>',
    variable: 'RX_OAUTH_CALLBACK_TOKEN',
    type: 'text',
    sentence: 'token for --via; safer in the environment',
    secret: true,
  },
  browser: {
    ...{ feeds: 'command', group: redirect, of: onlyLogin },
    flag: '--browser',
    type: 'switch',
    sentence: 'open the browser even if none seems to be available',
    opposite: 'do not open a browser; print the URL and accept a pasted redirect URL',
  },
  save: {
    ...{ feeds: 'command', group: saved, of: all },
    flag: '--save <file>',
    type: 'place',
    sentence:
      'file for the tokens, which only you can read, or keychain:NAME; login prints them if there is none',
  },
} as const satisfies Readonly<Record<string, LoginRow>>;

type Table = typeof table;

/** Union of the rows, each with its key. */
export type Row = { [K in keyof Table]: Table[K] & { readonly key: K } }[keyof Table];

/** A setting with the commands that use it. */
export interface LoginSetting extends Setting {
  readonly of: readonly SignInCommand[];
}

const prefix = 'RX_OAUTH_CALLBACK_LOGIN';

/** Gives the name of a variable of `login`. Those of `serve` have no name of a command. */
const variable = (flag = ''): string =>
  `${prefix}${flag.split(' ', 1)[0]?.slice(1).replaceAll('-', '_').toUpperCase()}`;

/** All settings, in the order of the help. */
export const settings: readonly LoginSetting[] = Object.entries<LoginRow>(table).map(([key, row]) => ({
  ...row,
  key,
  variable: row.variable ?? variable(row.flag),
}));

const ofFiles = { feeds: 'command', group: files, type: 'text', inFile: false, of: ofAll } as const;

/** Setting that names the configuration file. */
export const configSetting: LoginSetting = {
  ...ofFiles,
  key: 'config',
  flag: '--config <file>',
  variable: variable('--config'),
  sentence: 'JSON file with any of these options, and profiles of them',
};

/** Setting that selects a profile in the configuration file. */
export const profileSetting: LoginSetting = {
  ...ofFiles,
  key: 'profile',
  flag: '--profile <name>',
  variable: variable('--profile'),
  sentence: 'profile in that file, whose options override the others in it',
};

/** The settings of one of the commands, with those that select its file. */
export function settingsOf(command: SignInCommand): readonly LoginSetting[] {
  return [...settings, configSetting, profileSetting].filter(({ of }) => of.includes(command));
}
