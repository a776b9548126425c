import { InvalidOptionError } from '../base/invalid-option.ts';
import { requireInteger, show } from '../base/validate.ts';
import { readOptions, type OptionTable } from '../base/options.ts';

/** Options of `createMonitor`, all optional. */
export interface MonitorOptions {
  /** Path of the page on the callback server. @default '/monitor' */
  path?: string;
  /** Milliseconds until a link of `url()` expires if no page opens it. @default 600_000 */
  linkTtl?: number;
  /** Milliseconds that a page may watch and reconnect. After that it needs another link or token. @default 43_200_000 */
  pageSessionTtl?: number;
}

export type MonitorSettings = Readonly<Required<MonitorOptions>>;

const defaults: MonitorSettings = { path: '/monitor', linkTtl: 600_000, pageSessionTtl: 43_200_000 };

const monitorTable: OptionTable<MonitorOptions> = { path: true, linkTtl: true, pageSessionTtl: true };

/** @throws {InvalidOptionError} if an option is unknown or out of range */
export function readMonitorOptions(options: MonitorOptions): MonitorSettings {
  const settings = readOptions(options, monitorTable, { of: 'the monitor' }, defaults);
  const { path, linkTtl, pageSessionTtl } = settings;
  if (typeof path !== 'string' || !/^(?:\/[\w\-.~]+)+$/.test(path))
    throw new InvalidOptionError('path', `must be a URL path such as /monitor; got ${show(path)}`);
  requireInteger('linkTtl', linkTtl, 1, 2 ** 31 - 1);
  requireInteger('pageSessionTtl', pageSessionTtl, 1, 2 ** 31 - 1);
  return settings;
}
