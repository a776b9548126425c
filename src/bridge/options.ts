import type { IncomingMessage } from 'node:http';
import { InvalidOptionError } from '../errors.ts';
import type { FlowStore } from '../store/store.ts';
import { requireKnown } from '../known-options.ts';
import { requireInteger, show } from '../validate.ts';
import type { BridgeToken, Identity } from './credentials.ts';

/** Options of `createBridge`. One of `token`, `tokens` and `authenticate` must be given; all others have a default. */
export interface BridgeOptions {
  /** One token for both roles, at least 16 characters. */
  token?: string;
  /** Named tokens with their roles. */
  tokens?: readonly BridgeToken[];
  /** Decides itself who a program is; undefined refuses it. Asked where no token matches; 5 s at the most. */
  authenticate?: (request: IncomingMessage) => Identity | undefined | Promise<Identity | undefined>;
  /**
   * Where its flows are kept. One that outlives the server lets another server take over. All bridges of a server have that of
   * the first.
   * @default a memory store
   */
  store?: FlowStore;
  /** The path of the upgrade request. @default '/bridge' */
  path?: string;
  /** A port of its own, on loopback, in place of the callback server's; 0 takes a free one. */
  port?: number;
  /** Origins whose pages may connect, exactly as browsers send them. @default none */
  origins?: readonly string[];
  /** Bounds on what connections may do. */
  limits?: BridgeLimits;
}

/** Bounds of a bridge. Each is optional. */
export interface BridgeLimits {
  /** Connections in all. @default 10_000 */
  connections?: number;
  /** Connections of one credential. @default 10_000 */
  connectionsPerName?: number;
  /** Connections of one address. @default 10_000 */
  connectionsPerAddress?: number;
  /** Flows of one connection that have not ended. @default 10_000 */
  flows?: number;
  /** Messages a connection may send at once. @default 500 */
  burst?: number;
  /** How many of those it regains a second. @default 200 */
  perSecond?: number;
  /** Pings a connection may send a second. @default 10 */
  pings?: number;
  /** Bytes that may be queued for one connection. @default 262_144 */
  queued?: number;
  /** Bytes that may be queued for all of them. @default 67_108_864 */
  queuedInAll?: number;
  /** Events kept for monitors that come back. @default 10_000 */
  events?: number;
  /** Milliseconds between pings. @default 30_000 */
  heartbeat?: number;
  /** Milliseconds a credential may take to be checked, and a peer to close. @default 5_000 */
  patience?: number;
}

const defaults: Required<BridgeLimits> = {
  connections: 10_000,
  connectionsPerName: 10_000,
  connectionsPerAddress: 10_000,
  flows: 10_000,
  burst: 500,
  perSecond: 200,
  pings: 10,
  queued: 262_144,
  queuedInAll: 67_108_864,
  events: 10_000,
  heartbeat: 30_000,
  patience: 5_000,
};

export const bridgeOptionNames: ReadonlySet<string> = new Set<keyof BridgeOptions>([
  'token',
  'tokens',
  'authenticate',
  'store',
  'path',
  'port',
  'origins',
  'limits',
]);

export type BridgeSettings = Omit<BridgeOptions, 'tokens'> & {
  path: string;
  origins: readonly string[];
  tokens: readonly BridgeToken[];
  limits: Required<BridgeLimits>;
};

export function readBridgeOptions(options: BridgeOptions): BridgeSettings {
  requireKnown(options, bridgeOptionNames, 'the bridge');
  requireKnown(options.limits ?? {}, new Set(Object.keys(defaults)), 'limits', 'limits.');
  const { token, tokens = [], authenticate, path = '/bridge', port, origins = [] } = options;
  if (token === undefined && tokens.length === 0 && !authenticate) {
    throw new InvalidOptionError(
      'token',
      'or tokens or authenticate must say who may connect, got none of them',
    );
  }
  if (!/^\/[\w\-.~/]*$/.test(path))
    throw new InvalidOptionError('path', `must be a URL path, got ${show(path)}`);
  if (port !== undefined) requireInteger('port', port, 0, 65_535);
  for (const origin of origins) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw new InvalidOptionError(
        'origins',
        `must be origins such as https://app.example, got ${show(origin)}`,
      );
    }
  }
  const limits = { ...defaults, ...options.limits };
  for (const [name, value] of Object.entries(limits)) requireInteger(`limits.${name}`, value, 1, 2 ** 31 - 1);
  const single: BridgeToken[] =
    token === undefined ? [] : [{ name: 'token', token, roles: ['listener', 'monitor'] }];
  return { ...options, path, origins, tokens: [...single, ...tokens], limits };
}
