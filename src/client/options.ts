import type { SchedulerLike } from 'rxjs';
import { InvalidOptionError } from '../errors.ts';
import type { Report } from '../isolated-observable.ts';

/** How to connect to a callback service. Either `token` or `ticket` is needed. */
export interface ConnectOptions {
  /** A program's token, or where to get one. Not in browsers, which cannot send it before the connection is open. */
  token?: string | (() => string | Promise<string>);
  /** A browser's single-use ticket, or where to get one: each reconnection needs another. */
  ticket?: string | (() => string | Promise<string>);
  /** For a monitor: begins with the events that the service has kept, and not with the next one. @default false */
  history?: boolean;
  /** Where time comes from. @default the system's clock */
  scheduler?: SchedulerLike;
  /** Told about exceptions in subscribers. @default console.warn */
  report?: Report;
}

export function requireUrl(url: string, { token, ticket }: ConnectOptions): void {
  if (!URL.canParse(url) || !/^wss?:$/.test(new URL(url).protocol)) {
    throw new InvalidOptionError('url', 'must be a ws or wss URL');
  }
  const { protocol, hostname } = new URL(url);
  if (protocol === 'ws:' && !/^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname)) {
    throw new InvalidOptionError('url', `must be wss unless it is on loopback, got ${hostname}`);
  }
  if ((token === undefined) === (ticket === undefined)) {
    throw new InvalidOptionError('token', 'or a ticket is needed, and not both');
  }
}
