import { randomBytes } from 'node:crypto';
import { createMonitor, type Monitor, type MonitorOptions } from '../../../src/monitor.ts';
import type { BridgeOptions } from '../../../src/bridge.ts';
import type { ServerOptions } from '../../../src/index.ts';
import { withBridge, type Bridged } from '../../helpers/bridge.ts';
import type { HttpAnswer } from '../../helpers/http.ts';
import { TcpProxy } from '../../helpers/tcp-proxy.ts';
import { weakenedModule, weakenedPage, type Edit } from '../../helpers/weakened.ts';

export interface Monitored extends Bridged {
  monitor: Monitor;
  /** The origin of the page. */
  origin: string;
  /** Asks for a ticket as the page does; each member can be replaced, null leaves a header out. */
  ask: (
    credential: string,
    next?: string,
    headers?: Readonly<Record<string, string | null>>,
  ) => Promise<HttpAnswer>;
}

export interface Setup {
  monitor?: MonitorOptions;
  bridge?: Partial<BridgeOptions>;
  server?: ServerOptions;
  /** How the monitor is made; a weakened twin is made by another one. */
  create?: typeof createMonitor;
}

/** A server with a bridge and a monitor, all closed whatever happens. */
export function withMonitor<T>(
  body: (monitored: Monitored) => Promise<T>,
  {
    monitor: options = {},
    bridge: bridgeOptions = {},
    server: serverOptions = {},
    create = createMonitor,
  }: Setup = {},
): Promise<T> {
  return withBridge(
    async (bridged) => {
      using monitor = create(bridged.server, bridged.bridge, options);
      const origin = `http://127.0.0.1:${bridged.port}`;
      const { path = '/monitor' } = options;
      return await body({
        ...bridged,
        monitor,
        origin,
        ask(credential, next = newPass(), headers = {}) {
          const all = {
            Authorization: `Bearer ${credential}`,
            'Next-Pass': next,
            Origin: origin,
            ...headers,
          };
          return bridged.send({ method: 'POST', target: `${path}/ticket`, headers: all });
        },
      });
    },
    bridgeOptions,
    serverOptions,
  );
}

/** The page reaches its service over a connection that can be cut. While there is no target, it waits for one. */
export async function overProxy(
  body: (monitored: Monitored, proxy: TcpProxy) => Promise<void>,
  setup: Setup = {},
): Promise<void> {
  const proxy = await TcpProxy.open(undefined, { waits: true });
  try {
    const publicUrl = `http://127.0.0.1:${proxy.port}`;
    await withMonitor(
      async (monitored) => {
        proxy.target = monitored.port;
        const visit: Monitored['visit'] = (target) =>
          monitored.visit(target, { Host: `127.0.0.1:${proxy.port}` });
        await body({ ...monitored, visit }, proxy);
      },
      { ...setup, server: { ...setup.server, publicUrl } },
    );
  } finally {
    await proxy.close();
  }
}

/** The first pass of a link. */
export function passOf(link: string): string {
  return new URL(link).hash.slice(1);
}

export function ticketOf({ body }: HttpAnswer): string {
  return (JSON.parse(body) as { ticket: string }).ticket;
}

export function newPass(): string {
  return randomBytes(32).toString('base64url');
}

/** A monitor whose page has these edits. */
export async function weakenedMonitor(...edits: readonly Edit[]): Promise<typeof createMonitor> {
  const script = JSON.stringify(await weakenedPage(...edits));
  const twin = await weakenedModule('monitor/server.ts', {
    file: 'monitor/assets.ts',
    find: `bundlePage();`,
    replace: `{ ...bundlePage(), script: ${script} };`,
  });
  return (twin as { createMonitor: typeof createMonitor }).createMonitor;
}
