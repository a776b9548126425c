import type { AddressInfo } from 'node:net';
import { concat, from } from 'rxjs';
import type { Bridge, FlowStore } from '../../bridge.ts';
import type { ServerEvent } from '../../model/events.ts';
import type { OAuthCallbackServer } from '../../index.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { mountOperator } from '../../telemetry/mount.ts';
import type { Operated } from '../../telemetry/operator.ts';
import type { Config } from './config.ts';
import { openOperatorPort, type OperatorPort } from '../../telemetry/port.ts';

/** Metrics, health and spans of a running service. */
export class Operations {
  readonly #server: OAuthCallbackServer;
  readonly #bridge: Bridge;
  readonly #store: FlowStore | undefined;
  /** Events from before the metrics are loaded. */
  readonly #earlyEvents: ServerEvent[] = [];
  readonly #recording;
  #metrics: Promise<Metrics> | undefined;
  #metricsPort: OperatorPort | undefined;
  #healthPort: OperatorPort | undefined;
  /** Reason why the service should get no new sign-ins now. */
  unready: string | undefined = 'starting';
  /** Certificate of the service as PEM; undefined without TLS of its own. */
  certificate: string | undefined;

  /** Must be created before the server listens, so that no event is missed. */
  constructor(server: OAuthCallbackServer, bridge: Bridge, store: FlowStore | undefined) {
    this.#store = store;
    this.#server = server;
    this.#bridge = bridge;
    this.#recording = server.events.subscribe((event) => this.#earlyEvents.push(event));
  }

  /** Opens the ports of the configuration; without a port for metrics, answers on the server's own port too. */
  async open({ metricsPort, metricsHost, healthPort, healthHost }: Config): Promise<void> {
    const health: Operated = { unready: () => this.#unready() };
    const operated: Operated = { ...health, metrics: () => this.#load() };
    if (metricsPort === undefined) mountOperator(this.#server, this.#bridge, operated);
    else this.#metricsPort = await openOperatorPort(metricsPort, operated, metricsHost);
    if (healthPort !== undefined) this.#healthPort = await openOperatorPort(healthPort, health, healthHost);
  }

  /** Separate port for metrics, if there is one. */
  get address(): AddressInfo | undefined {
    return this.#metricsPort?.address;
  }

  /** Separate port for health, if there is one. */
  get healthAddress(): AddressInfo | undefined {
    return this.#healthPort?.address;
  }

  /** Loads metrics and tracing. Called after the service listens, because loading takes long. */
  async start(): Promise<void> {
    const { traceFlows, tracerIfInstalled } = await import('../../telemetry/tracing.ts');
    const tracer = await tracerIfInstalled();
    if (tracer) traceFlows({ events: concat(from([...this.#earlyEvents]), this.#server.events) }, tracer);
    await this.#load();
  }

  async close(): Promise<void> {
    await Promise.all([this.#metricsPort?.close(), this.#healthPort?.close()]);
  }

  /** Gives the reason if the service is not ready. Without its store a node is alive, but cannot begin or end a sign-in. */
  async #unready(): Promise<string | undefined> {
    if (this.unready !== undefined) return this.unready;
    return this.#store?.check().then(
      () => undefined,
      () => 'the store cannot be reached',
    );
  }

  #load(): Promise<Metrics> {
    this.#metrics ??= import('../../telemetry/metrics.ts').then(({ createMetrics }) => {
      this.#recording.unsubscribe();
      const events = concat(from(this.#earlyEvents), this.#server.events);
      return createMetrics(this.#server, {
        bridge: this.#bridge,
        events,
        ...(this.certificate !== undefined && { certificate: () => this.certificate }),
      });
    });
    return this.#metrics;
  }
}
