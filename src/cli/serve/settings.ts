import type { OptionTable } from '../../base/options.ts';
import { languages } from '../../page/texts.ts';
import { levels } from '../log-level.ts';
import type { Setting, SettingRow } from '../settings/setting.ts';
import type { OptionPath, Options } from './objects.ts';

/**
 * The settings of `serve`, by their heading in the help and their key in the configuration file. Flags, environment variables,
 * the schema of the file, the options of the library, the help and docs/reference/settings.md are all derived from this table;
 * `npm run settings` writes the documents. One file, although it is long: a setting is one row.
 */
const table = {
  'Where it listens:': {
    port: {
      feeds: 'server.port',
      flag: '--port <port>',
      type: 'integers',
      default: 0,
      sentence: 'TCP port, 0 for a free one; if repeated, the first free one',
    },
    host: {
      feeds: 'server.host',
      flag: '--host <address>',
      type: 'text',
      sentence: 'address to bind (default: loopback, 127.0.0.1 and ::1)',
    },
    publicUrl: {
      feeds: 'server.publicUrl',
      flag: '--public-url <url>',
      type: 'text',
      sentence: 'URL at which browsers reach the service, if it differs from the address',
    },
    callbackPath: {
      feeds: 'server.callbackPath',
      flag: '--callback-path <path>',
      type: 'text',
      default: '/callback',
      sentence: 'path of the redirect URI',
    },
    'tls.cert': {
      feeds: 'server.tls',
      flag: '--tls-cert <file>',
      type: 'file',
      sentence: 'certificate chain (PEM), to listen with TLS; reloaded on SIGHUP',
      required: true,
    },
    'tls.key': {
      feeds: 'server.tls',
      flag: '--tls-key <file>',
      type: 'file',
      sentence: 'private key of the certificate (PEM); reloaded on SIGHUP',
      required: true,
    },
    trustedProxies: {
      feeds: 'server.trustedProxies',
      flag: '--trusted-proxy <address>',
      type: 'list',
      sentence: 'IP address or CIDR range of a proxy whose X-Forwarded-For or Forwarded is trusted',
    },
    'bridge.path': {
      feeds: 'bridge.path',
      flag: '--bridge-path <path>',
      type: 'text',
      default: '/bridge',
      sentence: 'path of the bridge',
    },
    'bridge.port': {
      feeds: 'bridge.port',
      flag: '--bridge-port <port>',
      type: 'integer',
      sentence: 'separate port for the bridge, on loopback',
    },
    'monitor.path': {
      feeds: 'monitor.path',
      flag: '--monitor-path <path>',
      type: 'pathOrFalse',
      default: '/monitor',
      sentence: 'path of the monitor page, or false for none',
    },
    clientMetadataPath: {
      feeds: 'command',
      flag: '--client-metadata-path <path>',
      type: 'text',
      sentence: 'path of the client metadata document of the service, over https',
    },
    clientName: {
      feeds: 'command',
      flag: '--client-name <name>',
      type: 'text',
      sentence: 'name of the client in that document (default: rx-oauth-callback)',
    },
    metricsPort: {
      feeds: 'command',
      flag: '--metrics-port <port>',
      type: 'port',
      sentence: 'separate port, on loopback, for /metrics, /healthz and /readyz without a credential',
    },
    metricsHost: {
      feeds: 'command',
      flag: '--metrics-host <address>',
      type: 'text',
      sentence: 'address to bind --metrics-port to; requests there need no credential (default: loopback)',
    },
    healthPort: {
      feeds: 'command',
      flag: '--health-port <port>',
      type: 'port',
      sentence: 'separate port, on loopback, for /healthz and /readyz only, without a credential',
    },
    healthHost: {
      feeds: 'command',
      flag: '--health-host <address>',
      type: 'text',
      sentence: 'address to bind --health-port to, such as 0.0.0.0 for a balancer (default: loopback)',
    },
  },
  'Who may connect:': {
    token: {
      feeds: 'bridge.token',
      flag: '--token <token>',
      type: 'token',
      sentence: 'one token for listeners and monitors; safer in the environment, because `ps` shows flags',
      secret: true,
    },
    tokens: {
      feeds: 'bridge.tokens',
      flag: '--tokens <file>',
      type: 'tokens',
      sentence: 'JSON list of { name, token, roles, expiresAt?, limits? }; reloaded on SIGHUP',
      secret: true,
    },
    'jwt.jwks': {
      feeds: 'jwt.jwks',
      flag: '--jwks <url>',
      type: 'text',
      sentence: 'key set of an issuer whose JWTs programs may show; read again on SIGHUP',
      required: true,
    },
    'jwt.issuer': {
      feeds: 'jwt.issuer',
      flag: '--jwt-issuer <url>',
      type: 'list',
      sentence: 'issuer that such a JWT must name (iss)',
      required: true,
    },
    'jwt.audience': {
      feeds: 'jwt.audience',
      flag: '--audience <name>',
      type: 'list',
      sentence: 'name of this service that such a JWT must have (aud)',
      required: true,
    },
    'bridge.origins': {
      feeds: 'bridge.origins',
      flag: '--origin <origin>',
      type: 'list',
      sentence: 'origin whose pages may connect',
    },
    'monitor.linkTtl': {
      feeds: 'monitor.linkTtl',
      flag: '--monitor-link-ttl <duration>',
      type: 'duration',
      default: 600_000,
      sentence: 'lifetime of the printed link to the monitor page',
    },
    'monitor.pageSessionTtl': {
      feeds: 'monitor.pageSessionTtl',
      flag: '--monitor-page-session-ttl <duration>',
      type: 'duration',
      default: 43_200_000,
      sentence: 'lifetime of a monitor page session',
    },
    'bridge.limits': {
      feeds: 'bridge.limits',
      flag: '--bridge-limit <name=number>',
      type: 'bounds',
      sentence: 'limit of the bridge, such as connections=1000; repeatable',
    },
    limits: {
      feeds: 'server.limits',
      flag: '--limit <name=number>',
      type: 'bounds',
      sentence: 'limit of the endpoint, such as headers=50; repeatable',
    },
  },
  'Webhooks:': {
    'webhooks.targets': {
      feeds: 'command',
      flag: '--webhook-target <url>',
      type: 'list',
      sentence: 'URL that may get results; https, or http on a loopback address',
    },
    'webhooks.privateTargets': {
      feeds: 'command',
      flag: '--webhook-private-target <url>',
      type: 'list',
      sentence: 'the same, of a URL whose name may resolve to a private address',
    },
    'webhooks.secrets': {
      feeds: 'bridge.webhooks',
      flag: '--webhook-secrets <file>',
      type: 'file',
      sentence: 'file with the secret that signs webhooks; during a rotation a second one on the next line',
    },
  },
  'Sign-ins:': {
    issuers: {
      feeds: 'server.issuers',
      flag: '--issuer <url>',
      type: 'list',
      sentence: 'issuer of an authorization server in use',
    },
    flowTtl: {
      feeds: 'server.flowTtl',
      flag: '--flow-ttl <duration>',
      type: 'duration',
      default: 600_000,
      sentence: 'time limit of a sign-in',
    },
    maxFlows: {
      feeds: 'server.maxFlows',
      flag: '--max-flows <number>',
      type: 'integer',
      default: 100_000,
      sentence: 'maximum number of pending sign-ins',
    },
    settle: {
      feeds: 'server.settle',
      flag: '--settle <duration>',
      type: 'durationOrFalse',
      default: false,
      sentence: 'how long a page waits for the outcome of its sign-in, or false',
    },
    finishUrls: {
      feeds: 'server.finishUrls',
      flag: '--finish-url <url>',
      type: 'list',
      sentence: 'URL that a program may redirect the browser to at the end',
    },
    unmatched: {
      feeds: 'server.unmatched',
      flag: '--unmatched <policy>',
      type: 'policy',
      default: 'reject',
      sentence: 'what to do with unmatched redirects: reject, accept or holdFor=<duration>,max=<number>',
    },
  },
  'Several nodes:': {
    'redis.url': {
      feeds: 'command',
      flag: '--redis <url>',
      type: 'text',
      sentence: 'Redis that the nodes share, such as rediss://user:password@host:6379',
      secret: true,
    },
    'redis.prefix': {
      feeds: 'redis.prefix',
      flag: '--redis-prefix <text>',
      type: 'text',
      default: 'rxoc:',
      sentence: 'prefix of its keys and channels',
    },
    'redis.tenant': {
      feeds: 'redis.tenant',
      flag: '--redis-tenant <name>',
      type: 'text',
      sentence: 'name of this service, if several share a prefix',
    },
    'redis.keys': {
      feeds: 'redis.keys',
      flag: '--redis-keys <file>',
      type: 'file',
      sentence: 'JSON list of { id, key }; the first seals codes in Redis, all can open them',
    },
    'redis.quota': {
      feeds: 'redis.quota',
      flag: '--redis-quota <bounds>',
      type: 'bounds',
      sentence: 'limit of the tenant over all nodes: flows=<number>,perSecond=<number>',
    },
    'redis.timeout': {
      feeds: 'redis.timeout',
      flag: '--redis-timeout <duration>',
      type: 'duration',
      default: 3_000,
      sentence: 'time limit of a command until Redis counts as unavailable',
    },
    'redis.poll': {
      feeds: 'redis.poll',
      flag: '--redis-poll <duration>',
      type: 'duration',
      default: 10_000,
      sentence: 'interval of the check for results whose message was lost',
    },
  },
  'One node that may restart:': {
    'store.file': {
      feeds: 'sqlite.file',
      flag: '--store <file>',
      type: 'place',
      sentence: 'file that has the pending sign-ins, so that they survive a restart or a crash',
    },
    'store.keys': {
      feeds: 'sqlite.keys',
      flag: '--store-keys <file>',
      type: 'file',
      sentence: 'JSON list of { id, key }; the first seals codes in the file, all can open them',
    },
    'store.timeout': {
      feeds: 'sqlite.timeout',
      flag: '--store-timeout <duration>',
      type: 'duration',
      default: 3_000,
      sentence: 'how long to wait at the start while another process has the file open',
    },
  },
  'Tenants:': {
    tenants: {
      feeds: 'command',
      flag: '--tenants <file>',
      type: 'tenants',
      sentence:
        'JSON file of tenants by name, each with a redirect URI, pages and tokens; reloaded on SIGHUP',
    },
  },
  'Binding:': {
    binding: {
      feeds: 'server.binding',
      flag: '--binding <how>',
      type: 'choice',
      choices: ['cookie', 'code', 'none'],
      sentence:
        'tie between who starts a sign-in and who finishes it; cookie unless the redirect URI is on loopback',
    },
    consent: {
      feeds: 'server.consent',
      flag: '--consent <when>',
      type: 'choice',
      choices: ['remote', 'always', 'never'],
      default: 'remote',
      sentence: 'sign-ins before which the start page asks the user',
    },
    startPath: {
      feeds: 'server.startPath',
      flag: '--start-path <path>',
      type: 'text',
      sentence: 'path of the URLs that start a sign-in',
    },
  },
  'Pages:': {
    serverUrl: {
      feeds: 'server.serverUrl',
      flag: '--server-url <url>',
      type: 'text',
      sentence: 'URL of the server being connected, shown on success',
    },
    title: {
      feeds: 'server.title',
      flag: '--title <text>',
      type: 'text',
      sentence: 'name after the outcome in the titles of the pages',
    },
    productName: {
      feeds: 'server.productName',
      flag: '--product-name <text>',
      type: 'text',
      sentence: 'name of the product, shown at the top of the pages',
    },
    logo: {
      feeds: 'server.logo',
      flag: '--logo <file>',
      type: 'image',
      sentence: 'logo of the pages: an image file of at most 100 KB, or a data: URI',
    },
    language: {
      feeds: 'server.language',
      flag: '--language <code>',
      type: 'choice',
      choices: [...languages, 'auto'],
      default: 'auto',
    },
    texts: {
      feeds: 'server.texts',
      flag: '--texts <file>',
      type: 'texts',
      sentence: 'JSON file with own sentences for the pages, by language and name',
    },
    cleanUrl: {
      feeds: 'server.cleanUrl',
      flag: '--clean-url <how>',
      type: 'choice',
      choices: ['script', 'redirect', false],
      default: 'script',
      sentence: 'how to remove the code from the address bar',
    },
  },
  'Operation:': {
    drain: {
      feeds: 'command',
      flag: '--drain <duration>',
      type: 'duration',
      min: 0,
      max: 3_600_000,
      default: 5_000,
      sentence: 'how long SIGTERM and Ctrl-C wait for pending sign-ins',
    },
    closeTimeout: {
      feeds: 'server.closeTimeout',
      flag: '--close-timeout <duration>',
      type: 'duration',
      default: 1_500,
      sentence: 'time limit of open requests after that',
    },
    json: {
      feeds: 'command',
      flag: '--json',
      type: 'switch',
      default: false,
      sentence: 'print JSON lines: addresses on stdout, logs on stderr',
      opposite: 'print text, even if the environment or the file sets JSON',
    },
    logLevel: {
      feeds: 'command',
      flag: '--log-level <level>',
      type: 'choice',
      choices: levels,
      default: 'info',
    },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, SettingRow<OptionPath>>>>>;

/**
 * Options that `serve` leaves out on purpose: only a program can give code, objects and flows. The compiler names an option that
 * is neither here nor fed by a setting.
 */
export const programOnly = {
  server: {
    server: true,
    render: true,
    resultContainer: true,
    resultReady: true,
    scheduler: true,
    logger: true,
    // It does not apply to the flows of listeners, and `serve` has no others.
    errorWithoutState: true,
  },
  bridge: { authenticate: true, store: true },
  jwt: { algorithms: true, clockTolerance: true, claims: true, timeout: true, report: true, clock: true },
  monitor: {},
  redis: { client: true, report: true, scheduler: true },
  sqlite: { report: true, scheduler: true },
} satisfies { [O in keyof Options]: OptionTable<Omit<Options[O], OptionFed<O>>> };

type Table = typeof table;

/** Union of the rows, each with its key. */
export type Row = {
  [G in keyof Table]: { [K in keyof Table[G]]: Table[G][K] & { readonly key: K } }[keyof Table[G]];
}[keyof Table];

/** Names of the options of an object that settings feed. */
type OptionFed<O extends keyof Options> = {
  [F in Row['feeds']]: F extends `${O}.${infer Name}` ? Name : never;
}[Row['feeds']];

/** All settings, in the order of the help. */
export const settings: readonly Setting[] = Object.entries(table).flatMap(([group, rows]) =>
  Object.entries<SettingRow>(rows).map(([key, row]) => ({ ...row, key, group })),
);
