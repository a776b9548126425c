import { Server as NetServer } from 'node:net';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { isLoopback } from '../base/loopback.ts';
import { readOptions, type OptionTable } from '../base/options.ts';
import {
  invalid,
  requireInteger,
  requireList,
  requireOneOf,
  requireText,
  show,
  typeOf,
} from '../base/validate.ts';
import { hasResponseParameter } from '../callback/parameters.ts';
import { requireBinding } from '../model/binding.ts';
import type { HoldOptions } from '../flows/held-redirects.ts';
import { isAddressRange } from '../http/client-addresses.ts';
import { languages, languageTable, textTable, type Language, type OwnTexts } from '../page/texts.ts';
import { readLimits, type Limits } from './limits.ts';
import type { ServerOptions } from './options.ts';

/** Options that have been checked, with defaults filled in. */
export type Settings = ServerOptions &
  typeof defaults & {
    ports: readonly number[];
    /** `callbackPath` without its query. */
    callbackPath: string;
    callbackQuery: string;
    startPath: string;
    limits: Required<Limits>;
  };

const defaults = {
  callbackPath: '/callback',
  language: 'auto' as Language | 'auto',
  cleanUrl: 'script' as 'script' | 'redirect' | false,
  settle: false as number | false,
  finishUrls: [] as readonly string[],
  trustedProxies: [] as readonly string[],
  consent: 'remote' as 'remote' | 'always' | 'never',
  unmatched: 'reject' as 'reject' | 'accept' | HoldOptions,
  errorWithoutState: 'ignore' as 'ignore' | 'end-only-flow',
  issuers: [] as readonly string[],
  flowTtl: 600_000,
  maxFlows: 100_000,
  closeTimeout: 1_500,
};

export const serverOptionTable: OptionTable<ServerOptions> = {
  port: true,
  host: true,
  server: true,
  tls: true,
  callbackPath: true,
  startPath: true,
  binding: true,
  consent: true,
  publicUrl: true,
  trustedProxies: true,
  serverUrl: true,
  title: true,
  productName: true,
  logo: true,
  language: true,
  texts: true,
  cleanUrl: true,
  settle: true,
  finishUrls: true,
  render: true,
  resultContainer: true,
  resultReady: true,
  unmatched: true,
  errorWithoutState: true,
  issuers: true,
  flowTtl: true,
  maxFlows: true,
  closeTimeout: true,
  limits: true,
  scheduler: true,
  logger: true,
};

/** Fills in the defaults. Throws `InvalidOptionError` for the first option that is invalid or contradicts another. */
export function readServerOptions(options: ServerOptions): Settings {
  const settings = readOptions(options, serverOptionTable, { of: 'the callback server' }, defaults);
  requireText('callbackPath', settings.callbackPath);
  requireAddress(settings);
  requirePage(settings);
  requirePolicy(settings);
  const [path = '', ...more] = settings.callbackPath.split('?');
  // A query may contain further question marks.
  const query = more.join('?');
  requirePath(settings.callbackPath, path, query);
  if (settings.startPath !== undefined) requireText('startPath', settings.startPath);
  return {
    ...settings,
    ...(settings.host !== undefined && { host: readHost(settings.host) }),
    ports: portsOf(settings),
    callbackPath: path,
    callbackQuery: query,
    startPath: readStartPath(settings.startPath, path),
    limits: readLimits(settings.limits),
  };
}

/** Returns the path of start URLs: beside the callback path, unless it is given. */
function readStartPath(given: string | undefined, callbackPath: string): string {
  if (given === undefined) {
    const [, beside = '', last] = /^(.*?)\/([^/]*)\/?$/.exec(callbackPath) ?? [];
    return `${beside}/${last === 'start' ? 'begin' : 'start'}`;
  }
  if (!/^(?:\/[\w\-.~]+)+$/.test(given) || /\/\.{1,2}(?:\/|$)/.test(given))
    throw invalid('startPath', 'be a URL path without a query or a slash at its end', given);
  if (given === callbackPath) throw new InvalidOptionError('startPath', 'must differ from the callbackPath');
  return given;
}

/** Returns a host as sockets take it: `::1` for `[::1]`, `localhost` for `LOCALHOST`. */
function readHost(host: string): string {
  requireText('host', host);
  const plain = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  const url = `http://[${plain}]`;
  // The shortest spelling, since the wildcard and loopback are told by it.
  return plain.includes(':') && URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : plain;
}

function portsOf({ port = 0 }: ServerOptions): readonly number[] {
  const ports = Array.isArray(port) ? (port as readonly number[]) : [port as number];
  if (ports.length === 0)
    throw new InvalidOptionError('port', 'must name at least one candidate; got an empty list');
  for (const each of ports) requireInteger('port', each, 0, 65_535);
  return ports;
}

function requireAddress({
  host,
  port,
  server,
  tls,
  publicUrl,
  trustedProxies,
}: typeof defaults & ServerOptions): void {
  if (publicUrl !== undefined) requirePublicUrl(publicUrl);
  requireObject('tls', tls);
  if (server !== undefined) {
    if (server !== 'mounted' && !(server instanceof NetServer)) {
      throw invalid('server', "be a node:http server or 'mounted'", server);
    }
    const other = Object.entries({ host, port, tls }).find(([, value]) => value !== undefined);
    if (other)
      throw new InvalidOptionError(
        other[0],
        'applies to an own server only; leave it out if server is given',
      );
  }
  requireList('trustedProxies', trustedProxies);
  for (const range of trustedProxies)
    if (!isAddressRange(range))
      throw invalid('trustedProxies', 'have IP addresses and CIDR ranges only', range);
  if (server === 'mounted' && publicUrl === undefined) {
    throw new InvalidOptionError('publicUrl', "must be given if server is 'mounted'");
  }
  // RFC 8252 section 8.3: a code must not cross a network unencrypted.
  if (host !== undefined && !isLoopback(readHost(host)) && publicUrl === undefined && tls === undefined) {
    throw invalid('host', 'be a loopback address unless tls or publicUrl is set', host);
  }
}

function requirePage(settings: typeof defaults & ServerOptions): void {
  const { title, serverUrl, productName, logo, language, cleanUrl, settle, finishUrls } = settings;
  for (const [name, value] of Object.entries({ title, serverUrl, productName, logo })) {
    if (value !== undefined) requireText(name, value);
  }
  if (logo !== undefined && !logo.startsWith('data:image/')) {
    throw invalid('logo', 'be a data:image/ URI', logo.slice(0, 40));
  }
  requireOneOf('language', language, ['auto', ...languages]);
  if (settings.texts !== undefined) requireTexts(settings.texts);
  requireOneOf('cleanUrl', cleanUrl, ['script', 'redirect', false]);
  if (settings.render !== undefined && typeof settings.render !== 'function') {
    throw new InvalidOptionError('render', `must be a function; got ${typeOf(settings.render)}`);
  }
  if (settle !== false) requireInteger('settle', settle, 1, 300_000);
  requireList('finishUrls', finishUrls);
  for (const url of finishUrls) requireWebUrl('finishUrls', url);
}

function requireTexts(texts: OwnTexts): void {
  const byLanguage = readOptions(texts, languageTable, { of: 'texts', prefix: 'texts.' }, {});
  for (const [language, own] of Object.entries(byLanguage)) {
    const of = `texts.${language}`;
    const sentences = readOptions<OwnTexts['en'] & object, object>(
      own as object,
      textTable,
      { of, prefix: `${of}.` },
      {},
    );
    for (const [name, text] of Object.entries(sentences))
      if (typeof text !== 'string' || !text.trim()) throw invalid(`${of}.${name}`, 'be a sentence', text);
  }
}

function requirePolicy(settings: typeof defaults & ServerOptions): void {
  const { unmatched, errorWithoutState, issuers, resultContainer, resultReady } = settings;
  if (typeof unmatched === 'object') {
    requireInteger('unmatched.holdFor', unmatched.holdFor, 1, 60_000);
    requireInteger('unmatched.max', unmatched.max, 1, 100_000);
  } else {
    requireOneOf('unmatched', unmatched, ['reject', 'accept']);
  }
  if (settings.binding !== undefined) requireBinding(settings.binding);
  requireOneOf('consent', settings.consent, ['remote', 'always', 'never']);
  requireOneOf('errorWithoutState', errorWithoutState, ['ignore', 'end-only-flow']);
  requireList('issuers', issuers);
  for (const issuer of issuers) requireIssuer(issuer);
  const twice = issuers.find((issuer, index) => issuers.indexOf(issuer) !== index);
  if (twice !== undefined)
    throw new InvalidOptionError('issuers', `must differ from each other; got ${show(twice)} twice`);
  requireInteger('flowTtl', settings.flowTtl, 1, 86_400_000);
  requireInteger('maxFlows', settings.maxFlows, 1, 10_000_000);
  requireInteger('closeTimeout', settings.closeTimeout, 0, 60_000);
  for (const name of ['resultContainer', 'resultReady', 'logger'] as const)
    requireObject(name, settings[name]);
  requireObject('scheduler', settings.scheduler, 'now', 'schedule');
  if (resultReady && !resultContainer) {
    throw new InvalidOptionError('resultReady', 'requires a resultContainer');
  }
}

function requireObject(option: string, value: unknown, ...methods: readonly string[]): void {
  if (value === undefined) return;
  if (typeof value !== 'object' || value === null) {
    throw new InvalidOptionError(option, `must be an object; got ${typeOf(value)}`);
  }
  const missing = methods.find((name) => typeof (value as Record<string, unknown>)[name] !== 'function');
  if (missing !== undefined) throw new InvalidOptionError(option, `must have a method ${missing}`);
}

function requirePath(whole: string, path: string, query: string): void {
  if (!/^\/(?!\/)[\w\-.~!$&'()*+,;=:@%/]*(?:\?[\w\-.~!$&'()*+,;=:@%/?]*)?$/.test(whole)) {
    throw invalid('callbackPath', 'be a URL path that starts with one slash', whole);
  }
  // A browser resolves these segments before its request, so the path could never match.
  if (/\/(?:\.|%2e){1,2}(?:\/|$)/i.test(path))
    throw invalid('callbackPath', 'not have "." or ".." in it', whole);
  if (hasResponseParameter(query)) {
    throw invalid('callbackPath', 'not name a response parameter in its query', whole);
  }
}

export function requireWebUrl(option: string, text: unknown): URL {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password) return url;
  throw invalid(option, 'be an http or https URL without userinfo', text);
}

/** Requires what a redirect can name: a URL with its scheme. @see RFC 9207 section 2 */
function requireIssuer(text: unknown): void {
  if (typeof text === 'string' && /^https?:\/\/[^?#\s]+$/i.test(text) && URL.canParse(text)) return;
  throw invalid('issuers', 'be a URL without query and fragment, such as https://as.example', text);
}

function requirePublicUrl(text: string): void {
  const url = requireWebUrl('publicUrl', text);
  if (url.search || url.hash) {
    throw invalid('publicUrl', 'have neither query nor fragment', text);
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw invalid('publicUrl', 'be https unless it is on loopback', text);
  }
}

/**
 * Returns the header `Strict-Transport-Security` for servers with TLS.
 *
 * Never for `localhost`: browsers would then require TLS from every other program of this machine.
 */
export function transportSecurity({ tls, host }: Settings): readonly string[] {
  return tls && host !== 'localhost' ? ['Strict-Transport-Security', 'max-age=31536000'] : [];
}
