import { sha256 } from '../../base/sha256.ts';
import { readExpectation, usualExpectation } from '../../model/expectation.ts';
import { readServerOptions } from '../../server/settings.ts';
import type { Io } from '../io.ts';
import { readConfig } from '../login/config.ts';
import { requireLoopback } from '../login/settings.ts';
import type { Flags } from '../settings/layers.ts';

/** Prints the redirect URI that `login` uses with these settings. Throws `CommandError` for settings that are not valid. */
export function printRedirectUri(flags: Flags, io: Io): void {
  const read = readConfig(flags, io.env);
  requireLoopback(read);
  const { host, port, callbackPath, issuer } = read.config;
  const context = read.config.context ?? (issuer === undefined ? undefined : contextOf(issuer));
  let path: string;
  let query: string;
  try {
    const server = readServerOptions({ callbackPath });
    query = server.callbackQuery && `?${server.callbackQuery}`;
    const own = context === undefined ? {} : { context };
    ({ path } = readExpectation(own, usualExpectation(server.callbackPath), []));
  } catch (error) {
    throw read.blame(error);
  }
  const authority = host.includes(':') ? `[${host}]` : host;
  io.stdout.write(`http://${authority}${port === 0 ? '' : `:${port}`}${path}${query}\n`);
  io.stderr.write(advice({ port, context, isDerived: read.config.context === undefined }));
}

interface Advised {
  readonly port: number;
  readonly context: string | undefined;
  readonly isDerived: boolean;
}

function advice({ port, context, isDerived }: Advised): string {
  const flags = [
    ...(port === 0 ? [] : [`--port ${port}`]),
    ...(context !== undefined && isDerived ? [`--context ${context}`] : []),
  ].join(' ');
  const lines = [
    'Register it exactly as it is printed.',
    ...(port === 0
      ? [
          'It has no port: login takes a free one. Servers that follow RFC 8252 section 7.3 then take any port.',
          'For another server choose one, such as --port 53682.',
        ]
      : []),
    ...(flags === '' ? [] : [`Sign in with: login ${flags}`]),
    '',
    'Google (desktop app)   registers nothing; any port of 127.0.0.1',
    'GitHub                 127.0.0.1, any port; the path may go below the registered one',
    'Microsoft Entra        localhost (--host localhost), any port, for mobile and desktop applications',
    'Auth0, Okta            exactly this one, with its port',
    'others                 127.0.0.1 rather than localhost, as RFC 8252 section 8.3 recommends',
  ];
  return `${lines.join('\n')}\n`;
}

/** Returns a segment for the redirect URI of an issuer: readable, and the same each time. */
function contextOf(issuer: string): string {
  const host = URL.canParse(issuer) ? new URL(issuer).hostname.replace(/[^\w.-]/g, '') : '';
  return `${host.slice(0, 60)}-${sha256(issuer, 'base64url').slice(0, 8)}`;
}
