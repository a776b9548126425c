import { InvalidOptionError } from '../base/invalid-option.ts';
import { readOptions, type OptionTable } from '../base/options.ts';
import { requireInteger, show } from '../base/validate.ts';
import type { FlowQuota, FlowStore } from '../model/flow-store.ts';
import type { ServerOptions } from '../server/options.ts';
import { readServerOptions, type Settings } from '../server/settings.ts';

/** Options of `createTenants`. */
export interface TenantsOptions {
  /** Tenants by name: 1 to 64 letters, digits, `_`, `.` and `-`. */
  tenants: Readonly<Record<string, TenantOptions>>;
  /** Store of the flows of all tenants; it must have `forTenant`. @default flows are those of this process */
  store?: FlowStore;
}

/**
 * Options of a tenant. What names its product, and which issuers and URLs it allows, is its own: it has nothing of that from the
 * server or from another tenant.
 */
export interface TenantOptions {
  /**
   * Path of the tenant's redirect URI. No other tenant and no other part of the server may have the path, a path one step below
   * it, or a path one step above it. Queries do not tell paths apart.
   */
  callbackPath: string;
  /** URL of the server that the user connects to, shown on the success page. */
  serverUrl?: string;
  /** Name that follows the outcome in the titles of the pages. @default the product name, if there is one */
  title?: string;
  /** Name of the product that signs in, shown at the top of the pages. */
  productName?: string;
  /** Image for the pages, as a `data:image/` URI. */
  logo?: string;
  /** Own sentences for the pages, by language. */
  texts?: NonNullable<ServerOptions['texts']>;
  /** Renders a page as HTML, from a view with escaped strings. */
  render?: NonNullable<ServerOptions['render']>;
  /** Issuers of the authorization servers in use. @default [] */
  issuers?: readonly string[];
  /** URLs that `flow.settle` may send the browser to, compared exactly. @default [] */
  finishUrls?: readonly string[];
  /** Language of the pages. @default that of the server */
  language?: NonNullable<ServerOptions['language']>;
  /** Method that removes the code from the address bar. @default that of the server */
  cleanUrl?: NonNullable<ServerOptions['cleanUrl']>;
  /** Milliseconds that a page waits for the outcome of its sign-in, or false. @default that of the server */
  settle?: number | false;
  /** Treatment of redirects whose state no flow of the tenant has. @default that of the server */
  unmatched?: NonNullable<ServerOptions['unmatched']>;
  /** Milliseconds that a flow waits for its redirect. @default that of the server */
  flowTtl?: number;
  /** Maximum number of pending flows of the tenant at this node. @default that of the server */
  maxFlows?: number;
  /** Limits of the tenant over all nodes of the store. @default those of the store */
  quota?: FlowQuota;
}

const ownTable: OptionTable<Omit<TenantOptions, 'quota'>> = {
  callbackPath: true,
  serverUrl: true,
  title: true,
  productName: true,
  logo: true,
  texts: true,
  render: true,
  issuers: true,
  finishUrls: true,
  language: true,
  cleanUrl: true,
  settle: true,
  unmatched: true,
  flowTtl: true,
  maxFlows: true,
};

export const tenantOptionTable: OptionTable<TenantOptions> = { ...ownTable, quota: true };

export const tenantsOptionTable: OptionTable<TenantsOptions> = { tenants: true, store: true };

const quotaTable: OptionTable<FlowQuota> = { flows: true, perSecond: true };

/** Options that a tenant has from the server, unless it has its own. */
const inherited = [
  ...['host', 'server', 'tls', 'publicUrl', 'trustedProxies', 'closeTimeout', 'limits', 'scheduler'],
  ...['language', 'cleanUrl', 'settle', 'unmatched', 'flowTtl', 'maxFlows', 'binding', 'consent'],
] as const satisfies readonly string[];

/** Checks the options of a tenant. Throws `InvalidOptionError`, which names the tenant. */
export function readTenantOptions(
  name: string,
  given: TenantOptions,
  outer: Settings,
): { settings: Settings; quota: FlowQuota | undefined } {
  const prefix = `tenants.${name}.`;
  // Browsers remove "." and ".." from the path of a start URL.
  if (!/^(?!\.{1,2}$)[\w.-]{1,64}$/.test(name))
    throw new InvalidOptionError(
      'tenants',
      `must have names of 1 to 64 letters, digits, "_", "." and "-"; got ${show(name)}`,
    );
  const { quota, ...own } = readOptions(given, tenantOptionTable, { of: `the tenant ${name}`, prefix }, {});
  if ((own.callbackPath as unknown) === undefined)
    throw new InvalidOptionError(`${prefix}callbackPath`, 'is required: it tells the tenants apart');
  // First, because the start path of the tenant lies there too.
  if (`${own.callbackPath}/`.startsWith(`${outer.startPath}/`))
    throw new InvalidOptionError(
      `${prefix}callbackPath`,
      `must not lie at or below ${show(outer.startPath)}, where start URLs are; got ${show(own.callbackPath)}`,
    );
  const shared = Object.fromEntries(
    Object.entries(outer).filter(([option]) => (inherited as readonly string[]).includes(option)),
  );
  const limits =
    quota && readOptions(quota, quotaTable, { of: `${prefix}quota`, prefix: `${prefix}quota.` }, {});
  for (const [limit, value] of Object.entries(limits ?? {}))
    requireInteger(`${prefix}quota.${limit}`, value as number, 1, 1_000_000_000);
  return {
    settings: within(prefix, () =>
      readServerOptions({
        ...shared,
        startPath: `${outer.startPath}/${name}`,
        ...own,
        logger: loggerOf(name, outer),
      }),
    ),
    quota: limits,
  };
}

/** Runs a check whose errors name an option of the tenant. */
function within<T>(prefix: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof InvalidOptionError)) throw error;
    throw new InvalidOptionError(prefix + error.option, error.message.slice(error.option.length + 1));
  }
}

/** Returns the logger of the server, with the name of the tenant before each line. */
function loggerOf(name: string, { logger }: Settings): NonNullable<ServerOptions['logger']> {
  return {
    debug: (line) => logger?.debug?.(`tenant ${name}: ${line}`),
    ...(logger?.warn && {
      warn: (problem) => logger.warn?.(typeof problem === 'string' ? `tenant ${name}: ${problem}` : problem),
    }),
  };
}
