import { inGroup } from './setting.ts';

export const listening = inGroup('Where it listens:', [
  {
    key: 'port',
    flag: '--port <port>',
    reads: 'numbers',
    what: 'TCP port, 0 for a free one; repeated, the first that is free (default: 0)',
  },
  {
    key: 'host',
    flag: '--host <address>',
    reads: 'text',
    what: 'address to bind (default: loopback, 127.0.0.1 and ::1)',
  },
  {
    key: 'publicUrl',
    flag: '--public-url <url>',
    reads: 'text',
    what: 'where browsers reach the service, if not where it listens',
  },
  {
    key: 'callbackPath',
    flag: '--callback-path <path>',
    reads: 'text',
    what: 'path of the redirect URI (default: /callback)',
  },
  {
    key: 'tls.cert',
    flag: '--tls-cert <file>',
    reads: 'text',
    what: 'certificate chain, PEM, to listen with TLS; read again on SIGHUP',
  },
  {
    key: 'tls.key',
    flag: '--tls-key <file>',
    reads: 'text',
    what: 'its private key, PEM; read again on SIGHUP',
  },
  {
    key: 'bridge.path',
    flag: '--bridge-path <path>',
    reads: 'text',
    what: 'path of the bridge (default: /bridge)',
  },
  {
    key: 'bridge.port',
    flag: '--bridge-port <port>',
    reads: 'number',
    what: 'a port of its own for the bridge, on loopback',
  },
  {
    key: 'monitor.path',
    flag: '--monitor-path <path>',
    reads: 'choice',
    what: 'path of the monitor page, or false for none (default: /monitor)',
  },
  {
    key: 'metricsPort',
    flag: '--metrics-port <port>',
    reads: 'number',
    what: 'a port of its own, on loopback, for /metrics, /healthz and /readyz without a credential',
  },
]);
