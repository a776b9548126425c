import type { IncomingMessage } from 'node:http';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { requireInteger, requireList, requireText, show } from '../base/validate.ts';
import type { FlowStore } from '../model/flow-store.ts';
import { readOptions, type OptionTable } from '../base/options.ts';
import type { BridgeToken, Identity, RejectedCredential } from './credentials.ts';
import { readWebhooks, type WebhookOptions, type WebhookSettings } from './webhooks/options.ts';

/** Options of `createBridge`. One of `token`, `tokens` and `authenticate` must be given; all others have a default. */
export interface BridgeOptions {
  /** Token for both roles, at least 16 characters. @default none */
  token?: string;
  /** Named tokens with their roles. @default none */
  tokens?: readonly BridgeToken[];
  /**
   * Identifies a program whose token is unknown; undefined rejects it. It must answer within `limits.timeout`. `jwtAuthentication`
   * makes one for JWTs.
   *
   * @default none
   */
  authenticate?: (request: IncomingMessage) => Authenticated | Promise<Authenticated>;
  /**
   * Store of the flows. A store that outlives the server lets another server take over. All bridges of a server share the
   * store of the first one.
   *
   * @default a memory store
   */
  store?: FlowStore;
  /** Path of the upgrade request. @default '/bridge' */
  path?: string;
  /** A port of its own, on loopback; 0 takes a free one. @default the callback server's port */
  port?: number;
  /** Origins whose pages may connect, exactly as browsers send them. @default none */
  origins?: readonly string[];
  /** URLs to which the bridge may send results of flows that were begun by plain HTTP. @default none */
  webhooks?: WebhookOptions;
  /** Bounds on what connections may do. @default those of `BridgeLimits` */
  limits?: BridgeLimits;
}

/** Answer of `authenticate`. */
export type Authenticated = Identity | RejectedCredential | undefined;

/** Bounds of a bridge. Each is optional. */
export interface BridgeLimits {
  /** Connections in all. Beyond it, a newcomer gets the place of one of the largest holder, unless it is of that holder itself. @default 10_000 */
  connections?: number;
  /**
   * Connections of one credential's name.
   *
   * @default half of `connections`, but not less than 16, or all if no other token or page may connect
   */
  connectionsPerName?: number;
  /** Connections of one client's address; `trustedProxies` of the server decides whose it is. @default 10_000 */
  connectionsPerAddress?: number;
  /** Flows of one connection that have not ended. @default 10_000 */
  flows?: number;
  /** Messages a connection may send at once. @default 500 */
  burst?: number;
  /** Messages a connection may send per second after a burst. @default 200 */
  perSecond?: number;
  /** Pings a connection may send a second. @default 10 */
  pings?: number;
  /** Bytes that may be queued for one connection. @default 262_144 */
  queued?: number;
  /** Bytes that may be queued for all of them. @default 67_108_864 */
  queuedInAll?: number;
  /** Events kept for monitors that reconnect. @default 10_000 */
  events?: number;
  /** Milliseconds between pings. @default 30_000 */
  heartbeat?: number;
  /** Milliseconds that `authenticate` may take, and a peer to close. @default 5_000 */
  timeout?: number;
}

/** Bounds that a bridge enforces. Without `connectionsPerName`, a name has a share of `connections`. */
export type EnforcedLimits = Required<Omit<BridgeLimits, 'connectionsPerName'>> &
  Pick<BridgeLimits, 'connectionsPerName'>;

const defaults: EnforcedLimits = {
  connections: 10_000,
  connectionsPerAddress: 10_000,
  flows: 10_000,
  burst: 500,
  perSecond: 200,
  pings: 10,
  queued: 262_144,
  queuedInAll: 67_108_864,
  events: 10_000,
  heartbeat: 30_000,
  timeout: 5_000,
};

const limitTable: OptionTable<BridgeLimits> = {
  connections: true,
  connectionsPerName: true,
  connectionsPerAddress: true,
  flows: true,
  burst: true,
  perSecond: true,
  pings: true,
  queued: true,
  queuedInAll: true,
  events: true,
  heartbeat: true,
  timeout: true,
};

export const bridgeOptionTable: OptionTable<BridgeOptions> = {
  token: true,
  tokens: true,
  authenticate: true,
  store: true,
  path: true,
  port: true,
  origins: true,
  webhooks: true,
  limits: true,
};

export type BridgeSettings = Omit<BridgeOptions, 'tokens' | 'webhooks'> & {
  webhooks: WebhookSettings | undefined;
  path: string;
  origins: readonly string[];
  tokens: readonly BridgeToken[];
  limits: EnforcedLimits;
};

export function readBridgeOptions(given: BridgeOptions): BridgeSettings {
  const options = readOptions(given, bridgeOptionTable, { of: 'the bridge' }, {});
  const limits = readOptions(options.limits ?? {}, limitTable, { of: 'limits', prefix: 'limits.' }, defaults);
  const { token, tokens = [], authenticate, path = '/bridge', port, origins = [] } = options;
  if (token !== undefined) requireText('token', token);
  requireList('tokens', tokens, ' of { name, token, roles }');
  requireList('origins', origins, ' of origins');
  requireText('path', path);
  if (token === undefined && tokens.length === 0 && !authenticate) {
    throw new InvalidOptionError(
      'token',
      'or tokens or authenticate must be given, to say which programs may connect',
    );
  }
  if (!/^\/[\w\-.~/]*$/.test(path))
    throw new InvalidOptionError('path', `must be a URL path; got ${show(path)}`);
  if (port !== undefined) requireInteger('port', port, 0, 65_535);
  for (const origin of origins) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw new InvalidOptionError(
        'origins',
        `must be origins such as https://app.example; got ${show(origin)}`,
      );
    }
  }
  for (const [name, value] of Object.entries(limits)) requireInteger(`limits.${name}`, value, 1, 2 ** 31 - 1);
  const webhooks = options.webhooks && readWebhooks(options.webhooks);
  const single: BridgeToken[] =
    token === undefined ? [] : [{ name: 'token', token, roles: ['listener', 'monitor'] }];
  return { ...options, path, origins, tokens: [...single, ...tokens], limits, webhooks };
}
