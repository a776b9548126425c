import { X509Certificate } from 'node:crypto';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Observable } from 'rxjs';
import { version } from '../base/version.ts';
import type { ConnectionEvent } from '../bridge/audit.ts';
import { internalsOfBridge } from '../bridge/internals.ts';
import { rejectionCauses } from '../bridge/rejection.ts';
import type { Bridge } from '../bridge/server.ts';
import type { ServerEvent } from '../model/events.ts';
import { WaitingTimes } from '../monitor/waiting-times.ts';
import type { OAuthCallbackServer } from '../server/callback-server.ts';
import { internalsOf, type ServedTenant } from '../server/internals.ts';
import { endingLabels, endOf } from './ending-labels.ts';

/** Metrics of a server and its bridge. */
export interface Metrics {
  /** Value of the `Content-Type` header for `text()`. */
  readonly contentType: string;
  /** Resolves with all current values in the text format of Prometheus. */
  readonly text: () => Promise<string>;
  /** Stops counting. Repeatable. */
  close(): void;
}

/** Options of `createMetrics`, all optional. */
export interface MetricsOptions {
  /** Bridge whose connections, rejections, queued bytes and shared store are measured too. @default none */
  bridge?: Bridge;
  /** Returns the certificate of the service as PEM, whose expiry is measured. @default none */
  certificate?: () => string | Uint8Array | undefined;
  /** Events to count. @default `server.events`, from now on */
  events?: Observable<ServerEvent>;
  /**
   * Includes metrics of the process: memory, processor time, event-loop lag, garbage collection.
   * @default true
   */
  process?: boolean;
}

const prefix = 'rx_oauth_callback_';

/** Buckets in seconds, because a user may take a second or the whole ten minutes. */
const waitingBuckets = [0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600];

/**
 * Counts the events of a server from now until `close()`. No label contains a secret, or text that a peer chose.
 *
 * Needs the package `prom-client`.
 *
 * @example
 * import { createOAuthCallbackServer } from 'rx-oauth-callback';
 * import { createMetrics } from 'rx-oauth-callback/telemetry';
 *
 * const server = createOAuthCallbackServer();
 * const metrics = createMetrics(server);
 * console.log(await metrics.text());
 */
export function createMetrics(
  server: OAuthCallbackServer,
  { bridge, certificate, events = server.events, process = true }: MetricsOptions = {},
): Metrics {
  const register = new Registry();
  if (process) collectDefaultMetrics({ register });
  if (certificate) measureCertificate(certificate, register);
  describeBuild(register);
  const tenants = (): readonly ServedTenant[] => [...(internalsOf(server).tenants?.values() ?? [])];
  measureByTenant(
    register,
    'flows_pending',
    'Pending flows',
    tenants,
    (tenant) => (tenant?.server ?? server).pending,
  );
  const stop = bridge && measureBridge(bridge, register, tenants);
  const subscription = events.subscribe(counterOf(register));
  return {
    contentType: register.contentType,
    text: () => register.metrics(),
    close() {
      subscription.unsubscribe();
      stop?.();
    },
  };
}

function describeBuild(register: Registry): void {
  const gauge = new Gauge({
    name: `${prefix}build_info`,
    help: 'Always 1; its labels are the versions of this package and of Node',
    labelNames: ['version', 'node'],
    registers: [register],
  });
  gauge.set({ version, node: process.version }, 1);
}

/** Registers the counters. Returns the function that counts an event. */
function counterOf(register: Registry): (event: ServerEvent) => void {
  const countBegun = flowsBegun(register);
  const countRedirect = redirects(register);
  const countSettled = signInsSettled(register);
  const countEnd = flowsEnded(register);
  return (event) => {
    if (event.type === 'begun') countBegun(event);
    else if (event.type === 'redirect') countRedirect(event);
    else if (event.type === 'settled') countSettled(event);
    countEnd(event);
  };
}

function flowsBegun(register: Registry): (event: ServerEvent) => void {
  const counter = new Counter({
    name: `${prefix}flows_begun_total`,
    help: 'Flows begun',
    labelNames: ['tenant'],
    registers: [register],
  });
  counter.inc(0);
  return (event) => counter.inc(tenantOf(event));
}

function redirects(register: Registry): (event: Extract<ServerEvent, { type: 'redirect' }>) => void {
  const counter = new Counter({
    name: `${prefix}redirects_total`,
    help: 'Redirects, by disposition and reason',
    labelNames: ['disposition', 'reason', 'tenant'],
    registers: [register],
  });
  // Shown as 0 from the start, so that Prometheus sees the first one as an increase.
  counter.inc({ disposition: 'accepted', reason: '' }, 0);
  return ({ disposition, reason = '', count = 1, ...event }) =>
    counter.inc({ disposition, reason, ...tenantOf(event) }, count);
}

function signInsSettled(register: Registry): (event: Extract<ServerEvent, { type: 'settled' }>) => void {
  const counter = new Counter({
    name: `${prefix}sign_ins_settled_total`,
    help: 'Sign-ins that the program has settled, by outcome',
    labelNames: ['outcome', 'tenant'],
    registers: [register],
  });
  return ({ outcome, ...event }) => counter.inc({ outcome, ...tenantOf(event) });
}

function flowsEnded(register: Registry): (event: ServerEvent) => void {
  const registers = [register];
  const ended = new Counter({
    name: `${prefix}flows_ended_total`,
    help: 'Flows ended, by outcome and provider error',
    labelNames: ['ending', 'error', 'tenant'],
    registers,
  });
  const waiting = new Histogram({
    name: `${prefix}flow_waiting_seconds`,
    help: 'Time from the beginning of a flow to its end',
    labelNames: ['ending'],
    buckets: waitingBuckets,
    registers,
  });
  for (const ending of endingLabels) ended.inc({ ending, error: '' }, 0);
  const waitingTimes = new WaitingTimes();
  return (event) => {
    const waited = waitingTimes.waited(event);
    const end = endOf(event);
    if (!end) return;
    const { ending, error } = end;
    ended.inc({ ending, error, ...tenantOf(event) });
    if (waited !== undefined) waiting.observe({ ending }, waited / 1_000);
  };
}

/** Returns a function that stops counting. */
function measureBridge(bridge: Bridge, register: Registry, tenants: Tenants): () => void {
  const gauge = (name: string, help: string, stat: keyof ReturnType<Bridge['stats']>): void =>
    measureByTenant(
      register,
      `bridge_${name}`,
      help,
      tenants,
      (tenant) => internalsOfBridge(bridge).statsOf(tenant?.name)[stat],
    );
  gauge('connections', 'Open connections', 'connections');
  gauge('listeners', 'Connections that listen for a flow', 'listeners');
  gauge('monitors', 'Connections that watch the feed', 'monitors');
  gauge('queued_bytes', 'Bytes queued for connections that have not read them', 'queued');
  const internals = internalsOfBridge(bridge);
  measure(register, 'bridge_draining', '1 while no new connections and flows are taken', () =>
    internalsOfBridge(bridge).draining ? 1 : 0,
  );
  if (internals.shared)
    measure(register, 'store_up', '1 if the store of the flows can be reached', () =>
      internals.store.check().then(
        () => 1,
        () => 0,
      ),
    );
  return internals.onConnection(connectionCounter(register));
}

function connectionCounter(register: Registry): (event: ConnectionEvent) => void {
  const registers = [register];
  const opened = new Counter({
    name: `${prefix}bridge_connections_opened_total`,
    help: 'Connections opened, by their roles',
    labelNames: ['roles', 'tenant'],
    registers,
  });
  const rejected = new Counter({
    name: `${prefix}bridge_connections_rejected_total`,
    help: 'Connections rejected, and tickets refused to the monitor page, by cause',
    labelNames: ['cause', 'tenant'],
    registers,
  });
  const closed = new Counter({
    name: `${prefix}bridge_connections_closed_total`,
    help: 'Connections closed, by who closed them and the close code',
    labelNames: ['by', 'code', 'tenant'],
    registers,
  });
  // Shown as 0 from the start, so that Prometheus sees the first one as an increase.
  for (const roles of ['listener', 'monitor', 'listener monitor']) opened.inc({ roles }, 0);
  for (const cause of rejectionCauses) rejected.inc({ cause }, 0);
  for (const by of ['peer', 'service']) closed.inc({ by, code: '1000' }, 0);
  return (event) => {
    const of = tenantOf(event);
    if (event.type === 'connected') opened.inc({ roles: [...event.roles].sort().join(' '), ...of });
    else if (event.type === 'rejected') rejected.inc({ cause: event.cause, ...of });
    else closed.inc({ by: event.by, code: codeOf(event), ...of });
  };
}

// Codes of a peer without a bound: RFC 6455 section 7.4.2 leaves 3000 to 4999 to applications.
const peerCodes = new Set([1000, 1001, 1002, 1005, 1006, 1009]);

function codeOf({ by, code }: Extract<ConnectionEvent, { type: 'closed' }>): string {
  return by === 'service' || peerCodes.has(code) ? String(code) : 'other';
}

function measureCertificate(
  certificate: NonNullable<MetricsOptions['certificate']>,
  register: Registry,
): void {
  measure(
    register,
    'tls_certificate_expiry_timestamp_seconds',
    'Time at which the certificate expires, in seconds since the epoch',
    () => {
      const pem = certificate();
      return pem === undefined ? undefined : Date.parse(new X509Certificate(pem).validTo) / 1_000;
    },
  );
}

/** Returns the tenants of the server, of which there may be other ones later. */
type Tenants = () => readonly ServedTenant[];

/** Returns the label of a tenant. The service's own events have none. */
function tenantOf({ tenant }: { readonly tenant?: string | undefined }): { tenant?: string } {
  return tenant === undefined ? {} : { tenant };
}

/** Registers a gauge with a value of the service itself and one of each tenant, which are read each time the metrics are read. */
function measureByTenant(
  register: Registry,
  name: string,
  help: string,
  tenants: Tenants,
  value: (tenant: ServedTenant | undefined) => number,
): void {
  new Gauge({
    name: prefix + name,
    help,
    labelNames: ['tenant'],
    registers: [register],
    collect() {
      this.reset();
      this.set(value(undefined));
      for (const tenant of tenants()) this.set({ tenant: tenant.name }, value(tenant));
    },
  });
}

/** Registers a gauge whose value is read each time the metrics are read. */
function measure(
  register: Registry,
  name: string,
  help: string,
  value: () => number | undefined | Promise<number>,
): void {
  new Gauge({
    name: prefix + name,
    help,
    registers: [register],
    async collect() {
      const now = await value();
      if (now === undefined) this.reset();
      else this.set(now);
    },
  });
}
