/** Nodes of a service behind a balancer, in this process, over one Redis. */
import { createBridge, type Bridge } from '../../src/bridge/server.ts';
import { createOAuthCallbackServer, type OAuthCallbackServer, type ServerOptions } from '../../src/index.ts';
import { type RedisFlowStore, redisStore, type RedisStoreOptions } from '../../src/redis.ts';
import { token } from './bridge.ts';
import type { Balancer } from './balancer.ts';
import { connected, type RedisBench } from './redis.ts';
import type { BridgeOptions } from '../../src/bridge.ts';

export const generous: NonNullable<BridgeOptions['limits']> = {
  burst: 1_000_000,
  perSecond: 1_000_000,
  flows: 100_000,
  queued: 64_000_000,
};

export interface Node {
  readonly server: OAuthCallbackServer;
  readonly bridge: Bridge;
  readonly store: RedisFlowStore;
  readonly port: number;
  /** As a rolling restart does: first out of the balancer, then listeners are sent away with 1012. */
  stop(): Promise<void>;
}

export async function startNode(
  { server: redis }: Pick<RedisBench, 'server'>,
  balancer: Balancer,
  options: {
    store?: Partial<RedisStoreOptions>;
    server?: ServerOptions;
    bridge?: Partial<BridgeOptions>;
  } = {},
): Promise<Node> {
  const client = await connected(redis.url);
  const store = await redisStore({ client, ...options.store });
  const server = createOAuthCallbackServer({
    publicUrl: balancer.url,
    maxFlows: 1_000_000,
    limits: { unmatched: 10_000_000, unmatchedPerSecond: 1_000_000 },
    logger: { warn: () => undefined },
    ...options.server,
  });
  const bridge = createBridge(server, { token, store, limits: generous, ...options.bridge });
  await bridge.listen();
  const { port } = server.address;
  balancer.targets.add(port);
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    balancer.targets.delete(port);
    await bridge.close({ restart: true });
    await server.close();
    await store.close();
    client.destroy();
  };
  return { server, bridge, store, port, stop: () => (stopped ??= stop()) };
}
