import type { Output } from '../io.ts';

/** Where to find a service that is up. */
export interface Addresses {
  /** For authorization servers. */
  readonly redirectUri: string;
  /** For programs that wait. */
  readonly bridgeUrl: string;
  /** For a scraper. */
  readonly metricsUrl: string;
  /** For an operator's browser, once: it holds a ticket. */
  readonly monitorUrl?: string;
  /** One that was made for this run, since none was given. Nothing else shows it. */
  readonly token?: string;
}

const names: Readonly<Record<keyof Addresses, string>> = {
  redirectUri: 'Redirect URI',
  bridgeUrl: 'Bridge',
  monitorUrl: 'Monitor',
  metricsUrl: 'Metrics',
  token: 'Token',
};

/** On stdout: a line of JSON for programs, a list for people. */
export function announce(addresses: Addresses, json: boolean, stdout: Output): void {
  const lines = Object.entries(names).flatMap(([key, name]) => {
    const value = addresses[key as keyof Addresses];
    return value === undefined ? [] : `${name.padEnd(12)}  ${value}\n`;
  });
  stdout.write(json ? `${JSON.stringify({ type: 'ready', ...addresses })}\n` : lines.join(''));
}
