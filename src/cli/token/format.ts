import { printableJson } from '../../base/printable.ts';
import { CommandError } from '../errors.ts';
import type { Io } from '../io.ts';
import type { Credential } from './credential.ts';
import type { Format } from './options.ts';
import { askedVersion } from './exec-info.ts';

/** Formats a credential for programs. Throws `CommandError` if the format does not suit it. */
export function formatted(credential: Credential, format: Format, env: Io['env']): string {
  return `${writers[format](credential, env)}\n`;
}

// RFC 3339 ends with the year 9999, and a server may send any lifetime. Shells compare whole numbers only.
const lastTime = Date.parse('9999-12-31T23:59:59Z');

const writers: Readonly<Record<Format, (credential: Credential, env: Io['env']) => string>> = {
  token: ({ token }) => token,
  json,
  env,
  header,
  'exec-credential': execCredential,
};

/** Writes the saved fields without the private key and refresh tokens, which only one program may use. Some servers have one within a field. */
function json({ tokens }: Credential): string {
  const { expiresAt } = tokens;
  // The lifetime that was saved began when the token was issued.
  const expires_in = expiresAt === undefined ? undefined : Math.max(0, secondsOf(expiresAt - Date.now()));
  const fields = { ...tokens.toDict(), expires_in };
  const withoutRefreshToken = (name: string, value: unknown): unknown =>
    name === 'refresh_token' || name === 'dpop_jwk' ? undefined : value;
  return printableJson(JSON.stringify(fields, withoutRefreshToken, 2));
}

function env({ token, name, expiresAt }: Credential): string {
  const variable = name.replace(' ', '_').toUpperCase();
  const lines = [`export ${variable}=${quoted(token)}`];
  if (expiresAt !== undefined) lines.push(`export ${variable}_EXPIRES_AT=${secondsOf(expiresAt)}`);
  return lines.join('\n');
}

function header({ token, name, tokens }: Credential): string {
  // An ID token has no type of its own: servers that take one take it as a bearer token.
  if (name === 'access token' && tokens.token_type.toLowerCase() !== 'bearer')
    throw new CommandError(
      `--format header requires a token of the type bearer; the saved one is of the type ${tokens.token_type}`,
    );
  return `Authorization: Bearer ${token}`;
}

/** @see https://kubernetes.io/docs/reference/config-api/client-authentication.v1/ */
function execCredential({ token, expiresAt }: Credential, env: Io['env']): string {
  const status = { token, ...(expiresAt !== undefined && expirationOf(expiresAt)) };
  return JSON.stringify({ apiVersion: askedVersion(env), kind: 'ExecCredential', status });
}

function expirationOf(expiresAt: number): { expirationTimestamp: string } {
  const time = new Date(secondsOf(Math.max(expiresAt, 0)) * 1_000).toISOString();
  return { expirationTimestamp: time.replace(/\.\d+Z$/, 'Z') };
}

function secondsOf(ms: number): number {
  return Math.floor(Math.min(ms, lastTime) / 1_000);
}

/** Quotes a text for a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
