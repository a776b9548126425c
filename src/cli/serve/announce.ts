import type { Output } from '../io.ts';

/** Addresses of a running service. */
export interface Addresses {
  /** Redirect URI to register at authorization servers. */
  readonly redirectUri: string;
  /** URL that programs connect to. */
  readonly bridgeUrl: string;
  /** URL for a Prometheus scraper. */
  readonly metricsUrl: string;
  /** URL for the check of a balancer, on a port of its own. */
  readonly healthUrl?: string;
  /** Link for an operator's browser; it works once. */
  readonly monitorUrl?: string;
  /** Redirect URIs of the tenants, by name. */
  readonly tenants?: Readonly<Record<string, { readonly redirectUri: string }>>;
  /** Token that was made for this run, because none was given. It is shown nowhere else. */
  readonly token?: string;
}

const names: Readonly<Record<Exclude<keyof Addresses, 'tenants'>, string>> = {
  redirectUri: 'Redirect URI',
  bridgeUrl: 'Bridge',
  monitorUrl: 'Monitor',
  metricsUrl: 'Metrics',
  healthUrl: 'Health',
  token: 'Token',
};

/** Prints the addresses on stdout: a line of JSON for programs, a list for people. */
export function announce(addresses: Addresses, json: boolean, stdout: Output): void {
  const line = (name: string, value: string): string => `${name.padEnd(12)}  ${value}\n`;
  const lines = Object.entries(names).flatMap(([key, name]) => {
    const value = addresses[key as keyof typeof names];
    return value === undefined ? [] : line(name, value);
  });
  for (const [name, { redirectUri }] of Object.entries(addresses.tenants ?? {}))
    lines.push(line(`Tenant ${name}`, redirectUri));
  stdout.write(json ? `${JSON.stringify({ type: 'ready', ...addresses })}\n` : lines.join(''));
}
