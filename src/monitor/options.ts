import { InvalidOptionError } from '../errors.ts';
import { requireKnown } from '../known-options.ts';
import { requireInteger, show } from '../validate.ts';

/** Options of `createMonitor`, all optional. */
export interface MonitorOptions {
  /** The path of the page on the callback server. @default '/monitor' */
  path?: string;
  /** Milliseconds a link of `url()` can wait to be opened. @default 600_000 */
  linkTtl?: number;
  /** Milliseconds a page may watch, and come back, until it needs another link or token. @default 43_200_000 */
  visitTtl?: number;
}

export type MonitorSettings = Readonly<Required<MonitorOptions>>;

const defaults: MonitorSettings = { path: '/monitor', linkTtl: 600_000, visitTtl: 43_200_000 };

export function readMonitorOptions(options: MonitorOptions): MonitorSettings {
  requireKnown(options, new Set(Object.keys(defaults)), 'the monitor');
  const settings = { ...defaults, ...options };
  const { path, linkTtl, visitTtl } = settings;
  if (typeof path !== 'string' || !/^(?:\/[\w\-.~]+)+$/.test(path))
    throw new InvalidOptionError('path', `must be a URL path such as /monitor, got ${show(path)}`);
  requireInteger('linkTtl', linkTtl, 1, 2 ** 31 - 1);
  requireInteger('visitTtl', visitTtl, 1, 2 ** 31 - 1);
  return settings;
}
