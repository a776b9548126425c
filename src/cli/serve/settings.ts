/** How the text of a flag or a variable becomes a value. What does not fit stays text, and is refused with all else. */
export type Reading =
  | 'text'
  | 'number'
  | 'numbers'
  | 'list'
  /** `true` by being there. */
  | 'switch'
  /** `name=number,name=number`, by name over those of the layers below. */
  | 'bounds'
  /** Text, but that `false` is false and numbers are numbers. */
  | 'choice'
  /** `reject`, `accept`, or as `bounds`. */
  | 'policy';

/** One thing that can be set: by its flag, by the variable of the same name, or at its key in the file. */
export interface Setting {
  /** Of the JSON file, as the library names it. */
  readonly key: string;
  /** As commander reads it. */
  readonly flag: string;
  readonly reads: Reading;
  readonly what: string;
  readonly group: (typeof groups)[number];
  /** Whether its value must not be shown. */
  readonly secret?: true;
}

export const groups = [
  'Where it listens:',
  'Who may connect:',
  'Sign-ins:',
  'Several nodes:',
  'Pages:',
  'Operation:',
] as const;
const [address, access, signIns, nodes, pages, operation] = groups;

export const settings: readonly Setting[] = [
  {
    key: 'port',
    flag: '--port <port>',
    reads: 'numbers',
    what: 'TCP port, 0 for a free one; repeated, the first that is free (default: 0)',
    group: address,
  },
  {
    key: 'host',
    flag: '--host <address>',
    reads: 'text',
    what: 'address to bind (default: loopback, 127.0.0.1 and ::1)',
    group: address,
  },
  {
    key: 'publicUrl',
    flag: '--public-url <url>',
    reads: 'text',
    what: 'where browsers reach the service, if not where it listens',
    group: address,
  },
  {
    key: 'callbackPath',
    flag: '--callback-path <path>',
    reads: 'text',
    what: 'path of the redirect URI (default: /callback)',
    group: address,
  },
  {
    key: 'tls.cert',
    flag: '--tls-cert <file>',
    reads: 'text',
    what: 'certificate chain, PEM, to listen with TLS; read again on SIGHUP',
    group: address,
  },
  {
    key: 'tls.key',
    flag: '--tls-key <file>',
    reads: 'text',
    what: 'its private key, PEM; read again on SIGHUP',
    group: address,
  },
  {
    key: 'bridge.path',
    flag: '--bridge-path <path>',
    reads: 'text',
    what: 'path of the bridge (default: /bridge)',
    group: address,
  },
  {
    key: 'bridge.port',
    flag: '--bridge-port <port>',
    reads: 'number',
    what: 'a port of its own for the bridge, on loopback',
    group: address,
  },
  {
    key: 'monitor.path',
    flag: '--monitor-path <path>',
    reads: 'choice',
    what: 'path of the monitor page, or false for none (default: /monitor)',
    group: address,
  },
  {
    key: 'metricsPort',
    flag: '--metrics-port <port>',
    reads: 'number',
    what: 'a port of its own, on loopback, for /metrics, /healthz and /readyz without a credential',
    group: address,
  },
  {
    key: 'token',
    flag: '--token <token>',
    reads: 'text',
    what: 'one token for listeners and monitors; better in the environment, where `ps` does not show it',
    group: access,
    secret: true,
  },
  {
    key: 'tokens',
    flag: '--tokens <file>',
    reads: 'text',
    what: 'JSON list of { name, token, roles, expiresAt? }, read again on SIGHUP',
    group: access,
    secret: true,
  },
  {
    key: 'bridge.origins',
    flag: '--origin <origin>',
    reads: 'list',
    what: 'origin whose pages may connect; repeatable',
    group: access,
  },
  {
    key: 'monitor.linkTtl',
    flag: '--monitor-link-ttl <ms>',
    reads: 'number',
    what: 'how long the printed link to the monitor can wait to be opened (default: 600000)',
    group: access,
  },
  {
    key: 'monitor.visitTtl',
    flag: '--monitor-visit-ttl <ms>',
    reads: 'number',
    what: 'how long a monitor page may watch before it needs a token (default: 43200000)',
    group: access,
  },
  {
    key: 'bridge.limits',
    flag: '--bridge-limit <name=number>',
    reads: 'bounds',
    what: 'a bound on connections, such as connections=1000; repeatable',
    group: access,
  },
  {
    key: 'limits',
    flag: '--limit <name=number>',
    reads: 'bounds',
    what: 'a bound on what strangers may send, such as headers=50; repeatable',
    group: access,
  },
  {
    key: 'issuers',
    flag: '--issuer <url>',
    reads: 'list',
    what: 'an authorization server in use; repeatable',
    group: signIns,
  },
  {
    key: 'flowTtl',
    flag: '--flow-ttl <ms>',
    reads: 'number',
    what: 'how long a sign-in waits (default: 600000)',
    group: signIns,
  },
  {
    key: 'maxFlows',
    flag: '--max-flows <number>',
    reads: 'number',
    what: 'sign-ins that may wait at once (default: 100000)',
    group: signIns,
  },
  {
    key: 'settle',
    flag: '--settle <ms>',
    reads: 'choice',
    what: 'how long a page waits to hear how the sign-in ended, or false (default: false)',
    group: signIns,
  },
  {
    key: 'finishUrls',
    flag: '--finish-url <url>',
    reads: 'list',
    what: 'URL that a program may send the browser to at the end; repeatable',
    group: signIns,
  },
  {
    key: 'unmatched',
    flag: '--unmatched <policy>',
    reads: 'policy',
    what: 'redirects nobody waits for: reject, accept or holdFor=<ms>,max=<number> (default: reject)',
    group: signIns,
  },
  {
    key: 'errorWithoutState',
    flag: '--error-without-state <policy>',
    reads: 'text',
    what: 'ignore or end-only-flow (default: ignore)',
    group: signIns,
  },
  {
    key: 'redis.url',
    flag: '--redis <url>',
    reads: 'text',
    what: 'Redis that the nodes share, such as rediss://user:password@host:6379',
    group: nodes,
    secret: true,
  },
  {
    key: 'redis.prefix',
    flag: '--redis-prefix <text>',
    reads: 'text',
    what: 'what its keys and channels begin with (default: rxoc:)',
    group: nodes,
  },
  {
    key: 'redis.tenant',
    flag: '--redis-tenant <name>',
    reads: 'text',
    what: 'whose flows these are, where services share a prefix',
    group: nodes,
  },
  {
    key: 'redis.keys',
    flag: '--redis-keys <file>',
    reads: 'text',
    what: 'JSON list of { id, key }; the first seals codes in Redis, all open them',
    group: nodes,
  },
  {
    key: 'redis.quota',
    flag: '--redis-quota <bounds>',
    reads: 'bounds',
    what: 'what the tenant may have at all nodes: flows=<number>,perSecond=<number>',
    group: nodes,
  },
  {
    key: 'serverUrl',
    flag: '--server-url <url>',
    reads: 'text',
    what: 'the server being connected, shown on success',
    group: pages,
  },
  { key: 'title', flag: '--title <text>', reads: 'text', what: 'title of the pages', group: pages },
  {
    key: 'productName',
    flag: '--product-name <text>',
    reads: 'text',
    what: 'who is signing in, at the top of the pages',
    group: pages,
  },
  { key: 'logo', flag: '--logo <uri>', reads: 'text', what: 'image, as a data: URI', group: pages },
  {
    key: 'language',
    flag: '--language <code>',
    reads: 'text',
    what: 'en, de, fr, es, pt, ja or auto (default: auto)',
    group: pages,
  },
  {
    key: 'cleanUrl',
    flag: '--clean-url <how>',
    reads: 'choice',
    what: 'how the code leaves the address bar: script, redirect or false (default: script)',
    group: pages,
  },
  {
    key: 'drain',
    flag: '--drain <ms>',
    reads: 'number',
    what: 'how long SIGTERM and Ctrl-C wait for sign-ins to end, 0 to 3600000 (default: 5000)',
    group: operation,
  },
  {
    key: 'closeTimeout',
    flag: '--close-timeout <ms>',
    reads: 'number',
    what: 'how long pages in flight may take then (default: 1500)',
    group: operation,
  },
  {
    key: 'json',
    flag: '--json',
    reads: 'switch',
    what: 'JSON, a line each: addresses on stdout, logs on stderr',
    group: operation,
  },
  {
    key: 'logLevel',
    flag: '--log-level <level>',
    reads: 'text',
    what: 'debug, info, warn, error or silent (default: info)',
    group: operation,
  },
];

/** `--flow-ttl <ms>` is `--flow-ttl`. */
export function nameOf({ flag }: Setting): string {
  return flag.split(' ', 1)[0] as string;
}

/** `--flow-ttl` is RX_OAUTH_CALLBACK_FLOW_TTL. */
export function variableOf(setting: Setting): string {
  return `RX_OAUTH_CALLBACK${nameOf(setting).slice(1).replaceAll('-', '_').toUpperCase()}`;
}
