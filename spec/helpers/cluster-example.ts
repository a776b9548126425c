/** The files of examples/cluster, with the addresses of this machine in place of those of the containers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { is } from './assert.ts';
import { root } from './consumer.ts';

export const clusterFolder = join(root, 'examples/cluster');

export const haproxy = '/usr/sbin/haproxy';

export function clusterFile(name: string): string {
  return readFileSync(join(clusterFolder, name), 'utf8');
}

/** Replaces each text, which must occur once. */
export function replaced(text: string, by: Readonly<Record<string, string>>): string {
  return Object.entries(by).reduce((left, [from, to]) => {
    is(left.split(from).length, 2, `"${from}" occurs once`);
    return left.replace(from, () => to);
  }, text);
}

export interface BalancerPlace {
  readonly front: number;
  readonly plain: number;
  /** Port that tells if all nodes are ready. */
  readonly ready: number;
  /** File with the certificate of the balancer and its key; undefined without TLS. */
  readonly certificate?: string;
  readonly nodes: readonly { readonly port: number; readonly health: number }[];
}

/** Returns the configuration of the balancer. */
export function balancerConfiguration({ front, plain, ready, certificate, nodes }: BalancerPlace): string {
  const servers = nodes.map(
    ({ port, health }, index) => `  server node-${index + 1} 127.0.0.1:${port} port ${health}`,
  );
  return replaced(clusterFile('haproxy.cfg'), {
    // Its descriptors are bounded here.
    'maxconn 20000': 'maxconn 100',
    'bind :8080': `bind 127.0.0.1:${plain}`,
    'bind :8443 ssl crt /usr/local/etc/haproxy/secrets/sign-in.pem':
      `bind 127.0.0.1:${front}` + (certificate === undefined ? '' : ` ssl crt ${certificate}`),
    'bind :8404': `bind 127.0.0.1:${ready}`,
    'lt 3': `lt ${nodes.length}`,
    'check port 8081 inter 1s': 'check inter 50ms',
    '  server node-1 node-1:8080\n  server node-2 node-2:8080\n  server node-3 node-3:8080':
      servers.join('\n'),
  });
}
