import type { Server } from 'node:http';
import { Server as NetServer } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { Observer, SchedulerLike } from 'rxjs';
import type { OAuthCallbackResult } from './callback-result.ts';
import { InvalidOptionError } from './errors.ts';
import type { HoldOptions } from './held.ts';
import { requireKnown, withDefaults } from './known-options.ts';
import { readLimits, type Limits } from './limits.ts';
import type { PageView } from './page.ts';
import { hasResponseParameter } from './redirect.ts';
import { languages, type Language } from './texts.ts';
import { invalid, isLoopback, requireInteger, requireOneOf, requireText, show, typeOf } from './validate.ts';

/** Where diagnostics go, one string or error each; `console` and pino both fit. Never given a code or a state. */
export interface Logger {
  debug?(message: string): void;
  warn?(message: string | Error): void;
}

/** Options of `createOAuthCallbackServer`, each optional. */
export interface ServerOptions {
  /**
   * TCP port, 0 to 65535; 0 takes a free one from the listening socket. A given port is strict.
   * Of several candidates the first free one is taken.
   * @default 0
   */
  port?: number | readonly number[];
  /**
   * The address to bind: a loopback literal, or `localhost`, which holds both families or fails. Any other address
   * asks for a `publicUrl`.
   * @default 127.0.0.1 and ::1 on one port, advertised as 127.0.0.1
   */
  host?: string;
  /**
   * A server to answer on in place of an own one: a `node:http` or `node:https` server that already listens, whose
   * other requests stay its own, or `'mounted'`, where `server.handler` is mounted in a framework and `publicUrl` says
   * where. It is neither bound nor closed by this one.
   */
  server?: Server | 'mounted';
  /** Key and certificate, to listen with TLS. */
  tls?: SecureContextOptions;
  /**
   * The path of the redirect URI, compared as it comes. A query in it must come back unchanged.
   * @default '/callback'
   * @see RFC 6749 section 3.1.2
   */
  callbackPath?: string;
  /** Where browsers reach this server, if not where it listens: `https://sign-in.example`. A path is one a proxy strips. */
  publicUrl?: string;
  /** The server that is being connected, shown on the success page. */
  serverUrl?: string;
  /**
   * Title of the pages.
   * @default 'OAuth sign-in'
   */
  title?: string;
  /** Who is signing in, shown at the top of the pages. */
  productName?: string;
  /** An image for the pages, as a `data:` URI. */
  logo?: string;
  /**
   * The language of the pages: `auto` asks the browser.
   * @default 'auto'
   */
  language?: Language | 'auto';
  /**
   * How the code leaves the address bar: by a script of the page, by a redirect to a clean path, or not at all.
   * @default 'script'
   */
  cleanUrl?: 'script' | 'redirect' | false;
  /**
   * Milliseconds the page waits for `flow.settle`, 1 to 300,000; `false` answers at once that the sign-in was received.
   * @default false
   */
  settle?: number | false;
  /** The exact URLs `flow.settle` may send the browser to. */
  finishUrls?: readonly string[];
  /** Makes the pages: HTML from a view whose strings are escaped already. `<style>` elements work, scripts do not. */
  render?: (view: PageView) => string;
  /**
   * Filled with the first accepted response: `code` and `state`, or `error`. While no flow is pending, any well-formed
   * response is accepted for it.
   */
  resultContainer?: OAuthCallbackResult;
  /** Told once, by `next` and `complete`, when `resultContainer` has been filled. */
  resultReady?: Partial<Observer<void>> | Partial<Observer<OAuthCallbackResult>>;
  /**
   * What becomes of a well-formed redirect whose state nobody waits for: refused, accepted, or held until somebody
   * asks for it.
   * @default 'reject'
   */
  unmatched?: 'reject' | 'accept' | HoldOptions;
  /**
   * What an `error` without `state` does: nothing, or end the flow that is pending, when there is exactly one. Flows of a
   * bridge's listeners do not count: they always need a state.
   * @default 'ignore'
   */
  errorWithoutState?: 'ignore' | 'end-only-flow';
  /** The authorization servers in use. With several, each `begin` must name its own. @see RFC 9207 section 4 */
  issuers?: readonly string[];
  /**
   * Milliseconds a flow waits for its redirect, 1 to 86,400,000.
   * @default 600_000
   * @see RFC 6749 section 4.1.2, which has a code live no longer
   */
  flowTtl?: number;
  /**
   * Flows that may wait at once; beyond it `begin` fails and those waiting are undisturbed.
   * @default 100_000
   */
  maxFlows?: number;
  /**
   * Milliseconds `close()` gives pages in flight, 0 to 60,000.
   * @default 1_500
   */
  closeTimeout?: number;
  /** Bounds on what strangers may send. */
  limits?: Limits;
  /**
   * Where time comes from, for virtual time in tests.
   * @default the system's monotonic clock
   */
  scheduler?: SchedulerLike;
  /**
   * Told about exceptions in subscribers and about refused redirects.
   * @default exceptions become process warnings
   */
  logger?: Logger;
}

export type Settings = ServerOptions &
  typeof defaults & {
    ports: readonly number[];
    /** `callbackPath` without its query. */
    callbackPath: string;
    callbackQuery: string;
    limits: Required<Limits>;
  };

const defaults = {
  callbackPath: '/callback',
  title: 'OAuth sign-in',
  language: 'auto' as Language | 'auto',
  cleanUrl: 'script' as 'script' | 'redirect' | false,
  settle: false as number | false,
  finishUrls: [] as readonly string[],
  unmatched: 'reject' as 'reject' | 'accept' | HoldOptions,
  errorWithoutState: 'ignore' as 'ignore' | 'end-only-flow',
  issuers: [] as readonly string[],
  flowTtl: 600_000,
  maxFlows: 100_000,
  closeTimeout: 1_500,
};

const withoutDefault = [
  'port',
  'host',
  'server',
  'tls',
  'publicUrl',
  'serverUrl',
  'productName',
  'logo',
  'render',
  'resultContainer',
  'resultReady',
  'limits',
  'scheduler',
  'logger',
] as const satisfies (keyof ServerOptions)[];

export const serverOptionNames: ReadonlySet<string> = new Set([...Object.keys(defaults), ...withoutDefault]);

/** Fills in the defaults; throws `InvalidOptionError` for the first option that is out of range or contradicts another. */
export function readOptions(options: ServerOptions): Settings {
  requireKnown(options, serverOptionNames, 'the callback server');
  const settings = withDefaults(defaults, options);
  requireText('callbackPath', settings.callbackPath);
  requireAddress(settings);
  requirePage(settings);
  requirePolicy(settings);
  const [path = '', ...more] = settings.callbackPath.split('?');
  // A query may hold further question marks.
  const query = more.join('?');
  requirePath(settings.callbackPath, path, query);
  return {
    ...settings,
    ports: portsOf(settings),
    callbackPath: path,
    callbackQuery: query,
    limits: readLimits(settings.limits),
  };
}

function portsOf({ port = 0 }: ServerOptions): readonly number[] {
  const ports = Array.isArray(port) ? (port as readonly number[]) : [port as number];
  if (ports.length === 0)
    throw new InvalidOptionError('port', 'must name at least one candidate, got an empty list');
  for (const each of ports) requireInteger('port', each, 0, 65_535);
  return ports;
}

function requireAddress({ host, port, server, tls, publicUrl }: ServerOptions): void {
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
        'belongs to a server of our own; leave it out where server is given',
      );
  }
  if (server === 'mounted' && publicUrl === undefined) {
    throw new InvalidOptionError(
      'publicUrl',
      "must say where the handler is reached when server is 'mounted', got none",
    );
  }
  // RFC 8252 section 8.3: a code must not travel a network in the clear.
  if (host !== undefined && !isLoopback(host) && publicUrl === undefined && tls === undefined) {
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
  requireOneOf('cleanUrl', cleanUrl, ['script', 'redirect', false]);
  if (settings.render !== undefined && typeof settings.render !== 'function') {
    throw new InvalidOptionError('render', `must be a function, got ${typeof settings.render}`);
  }
  if (settle !== false) requireInteger('settle', settle, 1, 300_000);
  requireList('finishUrls', finishUrls);
  for (const url of finishUrls) requireWebUrl('finishUrls', url);
}

function requirePolicy(settings: typeof defaults & ServerOptions): void {
  const { unmatched, errorWithoutState, issuers, resultContainer, resultReady } = settings;
  if (typeof unmatched === 'object') {
    requireInteger('unmatched.holdFor', unmatched.holdFor, 1, 60_000);
    requireInteger('unmatched.max', unmatched.max, 1, 100_000);
  } else {
    requireOneOf('unmatched', unmatched, ['reject', 'accept']);
  }
  requireOneOf('errorWithoutState', errorWithoutState, ['ignore', 'end-only-flow']);
  requireList('issuers', issuers);
  const twice = issuers.find((issuer, index) => issuers.indexOf(issuer) !== index);
  if (twice !== undefined)
    throw new InvalidOptionError('issuers', `must differ from each other, got ${show(twice)} twice`);
  requireInteger('flowTtl', settings.flowTtl, 1, 86_400_000);
  requireInteger('maxFlows', settings.maxFlows, 1, 10_000_000);
  requireInteger('closeTimeout', settings.closeTimeout, 0, 60_000);
  for (const name of ['resultContainer', 'resultReady', 'logger'] as const)
    requireObject(name, settings[name]);
  requireObject('scheduler', settings.scheduler, 'now', 'schedule');
  if (resultReady && !resultContainer) {
    throw new InvalidOptionError('resultReady', 'needs a resultContainer to tell about, got none');
  }
}

function requireObject(option: string, value: unknown, ...methods: readonly string[]): void {
  if (value === undefined) return;
  if (typeof value !== 'object' || value === null) {
    throw new InvalidOptionError(option, `must be an object, got ${typeOf(value)}`);
  }
  const missing = methods.find((name) => typeof (value as Record<string, unknown>)[name] !== 'function');
  if (missing !== undefined) throw new InvalidOptionError(option, `must have a method ${missing}`);
}

function requireList(option: string, value: unknown): void {
  if (!Array.isArray(value)) throw new InvalidOptionError(option, `must be a list, got ${typeOf(value)}`);
}

function requirePath(whole: string, path: string, query: string): void {
  if (!/^\/(?!\/)[\w\-.~!$&'()*+,;=:@%/]*(?:\?[\w\-.~!$&'()*+,;=:@%/?]*)?$/.test(whole)) {
    throw invalid('callbackPath', 'be a URL path that starts with one slash', whole);
  }
  // A browser resolves them before it asks, and would never arrive.
  if (/\/(?:\.|%2e){1,2}(?:\/|$)/i.test(path))
    throw invalid('callbackPath', 'not have "." or ".." in it', whole);
  if (hasResponseParameter(query)) {
    throw invalid('callbackPath', 'not name a response parameter in its query', whole);
  }
}

function requireWebUrl(option: string, text: unknown): URL {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password) return url;
  throw invalid(option, 'be an http or https URL without userinfo', text);
}

function requirePublicUrl(text: string): void {
  const url = requireWebUrl('publicUrl', text);
  if (url.search || url.hash) {
    throw invalid('publicUrl', 'have neither query nor fragment', text);
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname.replace(/^\[|\]$/g, ''))) {
    throw invalid('publicUrl', 'be https unless it is on loopback', text);
  }
}
