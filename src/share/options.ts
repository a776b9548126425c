import { InvalidOptionError } from '../base/invalid-option.ts';
import type { Report } from '../base/isolated-observable.ts';
import { readOptions, type OptionTable } from '../base/options.ts';
import { requireInteger, requireText } from '../base/validate.ts';
import type { ServerOptions } from '../server/options.ts';
import { reportingTo } from '../server/reporting.ts';
import { readServerOptions } from '../server/settings.ts';
import { sharePath } from './proof.ts';
import { usualFolder } from './secret.ts';

/** Options of `sharedCallbackHost`. Those of the pages and of flows apply to all processes while this one serves. */
export interface SharedHostOptions extends Pick<
  ServerOptions,
  | 'cleanUrl'
  | 'finishUrls'
  | 'flowTtl'
  | 'issuers'
  | 'language'
  | 'logger'
  | 'logo'
  | 'maxFlows'
  | 'productName'
  | 'render'
  | 'serverUrl'
  | 'settle'
  | 'texts'
  | 'title'
> {
  /** TCP port, 1 to 65,535, which all processes name. The redirect URI is `http://127.0.0.1:PORT/callback`. */
  port: number;
  /** Path of the redirect URI, the same for all processes. @default '/callback' */
  callbackPath?: string;
  /**
   * Folder of the secret by which processes of this user know each other. It must be the user's own, and closed to others.
   * @default `rx-oauth-callback` in `XDG_RUNTIME_DIR`, or else in the user's folder for state
   */
  folder?: string;
}

export const sharedHostOptionTable: OptionTable<SharedHostOptions> = {
  cleanUrl: true,
  finishUrls: true,
  flowTtl: true,
  issuers: true,
  language: true,
  logger: true,
  logo: true,
  maxFlows: true,
  productName: true,
  render: true,
  serverUrl: true,
  settle: true,
  texts: true,
  title: true,
  port: true,
  callbackPath: true,
  folder: true,
};

/** Options that are checked, and those of the server for the case that this process serves. */
export interface SharedSettings {
  readonly port: number;
  readonly folder: string;
  readonly redirectUri: string;
  /** Called with exceptions of subscribers. */
  readonly report: Report;
  readonly server: ServerOptions;
}

// A flow of another process comes to a new server within milliseconds.
const hold = { holdFor: 3_000, max: 1_000 };

/** Checks the options. Throws `InvalidOptionError`. */
export function readSharedHostOptions(given: SharedHostOptions): SharedSettings {
  const options = readOptions(given, sharedHostOptionTable, { of: 'sharedCallbackHost' }, {});
  const { folder = usualFolder(), port, callbackPath = '/callback', ...others } = options;
  requireInteger('port', port, 1, 65_535);
  requireText('folder', folder);
  const server: ServerOptions = { ...others, port, callbackPath, unmatched: hold };
  const { callbackPath: path } = readServerOptions(server);
  if (`${path}/`.startsWith(`${sharePath}/`))
    throw new InvalidOptionError(
      'callbackPath',
      `must not be in ${sharePath}, by which the processes connect`,
    );
  const { report } = reportingTo(others.logger);
  return { port, folder, report, server, redirectUri: `http://127.0.0.1:${port}${callbackPath}` };
}
