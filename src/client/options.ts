import type { Agent } from 'node:http';
import type { SchedulerLike } from 'rxjs';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { isLoopback } from '../base/loopback.ts';
import { readOptions, type OptionTable } from '../base/options.ts';

/** Options of `connectCallbackHost`. Exactly one of `token` and `ticket` is needed. */
export interface ConnectOptions {
  /** A program's token, or a function that returns it for each attempt. Not in browsers, which cannot send it. @default none */
  token?: string | (() => string | Promise<string>);
  /** A browser's single-use ticket, or a function that returns a new one for each attempt. A ticket alone allows no reconnect. @default none */
  ticket?: string | (() => string | Promise<string>);
  /** For a ticket outside of a browser: the origin that it was issued for. Browsers send their own. @default none */
  origin?: string;
  /**
   * Agent that opens the connections, for example one of a proxy. Not in browsers.
   *
   * @default that of `node:https` for all requests, which follows `NODE_USE_ENV_PROXY` from Node 24 on; none for `ws:`
   */
  agent?: Agent;
  /** For a monitor: begins with the events that the service has kept instead of the next one. @default false */
  history?: boolean;
  /** Source of time. @default the system's clock */
  scheduler?: SchedulerLike;
  /** Called with exceptions of subscribers and breaches of the protocol. @default console.warn */
  report?: (error: unknown) => void;
}

/** What the client runs on. */
export type Platform = 'node' | 'browser';

const connectTable: OptionTable<ConnectOptions> = {
  token: true,
  ticket: true,
  origin: true,
  agent: true,
  history: true,
  scheduler: true,
  report: true,
};

/** Reads the options of `connectCallbackHost`. Throws `InvalidOptionError` for an unknown name, a bad URL or no credential. */
export function readConnectOptions(url: string, given: ConnectOptions, platform: Platform): ConnectOptions {
  const options = readOptions(given, connectTable, { of: 'connectCallbackHost' }, {});
  requireUrl(url, options);
  for (const name of ['token', 'ticket'] as const) requireCredential(name, options[name]);
  if (platform === 'browser') requireNone(options);
  // The service takes a ticket from its origin only; a request without an Origin would use the ticket up.
  else if (options.ticket !== undefined && options.origin === undefined)
    throw new InvalidOptionError('origin', 'must be given with a ticket: the origin that it was issued for');
  return options;
}

function requireNone(options: ConnectOptions): void {
  for (const name of ['agent', 'origin'] as const)
    if (options[name] !== undefined) throw new InvalidOptionError(name, 'must not be given in a browser');
}

function requireCredential(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return;
  // Does not show the value, which is a secret.
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value))
    throw new InvalidOptionError(
      name,
      'must be a text of visible ASCII characters, or a function that returns one',
    );
}

function requireUrl(url: string, { token, ticket }: ConnectOptions): void {
  if (!URL.canParse(url) || !/^wss?:$/.test(new URL(url).protocol)) {
    throw new InvalidOptionError('url', 'must be a ws or wss URL');
  }
  const { protocol, hostname } = new URL(url);
  if (protocol === 'ws:' && !isLoopback(hostname)) {
    throw new InvalidOptionError('url', `must be wss unless it is on loopback; got ${hostname}`);
  }
  if ((token === undefined) === (ticket === undefined)) {
    throw new InvalidOptionError('token', 'or a ticket is needed, and not both');
  }
}
