import type { Observer, SchedulerLike } from 'rxjs';
import type { OAuthCallbackResult } from './callback-response.ts';
import { InvalidOptionError } from './errors.ts';

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
   * The path of the redirect URI, compared as it comes.
   * @default '/callback'
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
  /** Filled with the first response while no flow has been begun: `code` and `state`, or `error`. */
  resultContainer?: OAuthCallbackResult;
  /** Told once, by `next` and `complete`, when `resultContainer` has been filled. */
  resultReady?: Partial<Observer<void>> | Partial<Observer<OAuthCallbackResult>>;
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

export type Settings = typeof defaults & ServerOptions & { ports: readonly number[] };

const defaults = {
  callbackPath: '/callback',
  title: 'OAuth sign-in',
  flowTtl: 600_000,
  maxFlows: 100_000,
  closeTimeout: 1_500,
};

const names: ReadonlySet<string> = new Set<keyof ServerOptions>([
  'port',
  'host',
  'callbackPath',
  'publicUrl',
  'serverUrl',
  'title',
  'resultContainer',
  'resultReady',
  'flowTtl',
  'maxFlows',
  'closeTimeout',
  'scheduler',
  'logger',
]);

/** Fills in the defaults; throws `InvalidOptionError` for the first option that is out of range or contradicts another. */
export function readOptions(options: ServerOptions): Settings {
  const unknown = Object.keys(options).find((name) => !names.has(name));
  if (unknown !== undefined) throw new InvalidOptionError(unknown, 'is not an option of the callback server');
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const settings = { ...defaults, ...(given as ServerOptions) };
  const { port: asked = 0 } = settings;
  const ports = Array.isArray(asked) ? (asked as readonly number[]) : [asked as number];
  if (ports.length === 0)
    throw new InvalidOptionError('port', 'must name at least one candidate, got an empty list');
  for (const port of ports) requireInteger('port', port, 0, 65_535);
  requireInteger('flowTtl', settings.flowTtl, 1, 86_400_000);
  requireInteger('maxFlows', settings.maxFlows, 1, 10_000_000);
  requireInteger('closeTimeout', settings.closeTimeout, 0, 60_000);
  requirePath(settings.callbackPath);
  requireText('title', settings.title);
  if (settings.serverUrl !== undefined) requireText('serverUrl', settings.serverUrl);
  if (settings.publicUrl !== undefined) requirePublicUrl(settings.publicUrl);
  requireReachableHost(settings.host, settings.publicUrl);
  for (const name of ['resultContainer', 'resultReady', 'logger'] as const)
    requireObject(name, settings[name]);
  requireObject('scheduler', settings.scheduler, 'now', 'schedule');
  if (settings.resultReady && !settings.resultContainer) {
    throw new InvalidOptionError('resultReady', 'needs a resultContainer to tell about, got none');
  }
  return { ...settings, ports };
}

export function requireInteger(option: string, value: unknown, least: number, most: number): void {
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
    throw new InvalidOptionError(
      option,
      `must be a whole number from ${least} to ${most}, got ${String(value)}`,
    );
  }
}

function requireText(option: string, value: unknown): void {
  if (typeof value !== 'string')
    throw new InvalidOptionError(option, `must be a string, got ${typeof value}`);
}

function requireObject(option: string, value: unknown, ...methods: readonly string[]): void {
  if (value === undefined) return;
  if (typeof value !== 'object' || value === null) {
    throw new InvalidOptionError(option, `must be an object, got ${value === null ? 'null' : typeof value}`);
  }
  const missing = methods.find((name) => typeof (value as Record<string, unknown>)[name] !== 'function');
  if (missing !== undefined) throw new InvalidOptionError(option, `must have a method ${missing}`);
}

function requirePath(path: string): void {
  if (!/^\/[\w\-.~!$&'()*+,;=:@%/]*$/.test(path) || path.startsWith('//')) {
    throw new InvalidOptionError(
      'callbackPath',
      `must be a URL path that starts with one slash, got ${JSON.stringify(path)}`,
    );
  }
}

function requirePublicUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash || url.username || url.password) {
    throw new InvalidOptionError(
      'publicUrl',
      `must be an http or https URL without query or userinfo, got ${JSON.stringify(text)}`,
    );
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname.replace(/^\[|\]$/g, ''))) {
    throw new InvalidOptionError(
      'publicUrl',
      `must be https unless it is on loopback, got ${JSON.stringify(text)}`,
    );
  }
}

// RFC 8252 section 8.3: a code must not travel a network in the clear.
function requireReachableHost(host: string | undefined, publicUrl: string | undefined): void {
  if (host === undefined || isLoopback(host) || publicUrl !== undefined) return;
  throw new InvalidOptionError(
    'host',
    `must be a loopback address unless publicUrl is set, got ${JSON.stringify(host)}`,
  );
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}
