import { concat, from } from 'rxjs';
import type { Bridge, FlowStore } from '../../bridge.ts';
import type { ServerEvent } from '../../events.ts';
import type { OAuthCallbackServer } from '../../index.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { mountOperator } from '../../telemetry/mount.ts';
import type { Operated } from '../../telemetry/operator.ts';
import { openOperatorPort, type OperatorPort } from '../../telemetry/port.ts';

/** What the operator of a running service has: metrics, health, spans. */
export class OperatorSide {
  readonly #server: OAuthCallbackServer;
  readonly #bridge: Bridge;
  readonly #store: FlowStore | undefined;
  /** What happens before the metrics are loaded. */
  readonly #early: ServerEvent[] = [];
  readonly #keeping;
  #metrics: Promise<Metrics> | undefined;
  #port: OperatorPort | undefined;
  /** Why the service should get no new sign-ins now. */
  unready: string | undefined = 'starting';

  /** Before the server listens, so that nothing is missed. */
  constructor(server: OAuthCallbackServer, bridge: Bridge, store: FlowStore | undefined) {
    this.#store = store;
    this.#server = server;
    this.#bridge = bridge;
    this.#keeping = server.events.subscribe((event) => this.#early.push(event));
  }

  /** @param port One of its own, on loopback; none shares the server's. */
  async open(port: number | undefined): Promise<void> {
    const operated: Operated = {
      metrics: () => this.#load(),
      unready: () => this.#unready(),
    };
    if (port === undefined) mountOperator(this.#server, this.#bridge, operated);
    else this.#port = await openOperatorPort(port, operated);
  }

  /** The own port, if there is one. */
  get port(): number | undefined {
    return this.#port?.address.port;
  }

  /** What costs too much to load before the service listens. */
  async start(): Promise<void> {
    const { traceFlows, tracerIfInstalled } = await import('../../telemetry/tracing.ts');
    const tracer = await tracerIfInstalled();
    if (tracer) traceFlows({ events: concat(from([...this.#early]), this.#server.events) }, tracer);
    await this.#load();
  }

  async close(): Promise<void> {
    await this.#port?.close();
  }

  /** A node without its store can begin and end nothing; alive it is all the same. */
  async #unready(): Promise<string | undefined> {
    if (this.unready !== undefined) return this.unready;
    return this.#store?.check().then(
      () => undefined,
      () => 'the store is away',
    );
  }

  #load(): Promise<Metrics> {
    this.#metrics ??= import('../../telemetry/metrics.ts').then(({ createMetrics }) => {
      this.#keeping.unsubscribe();
      const events = concat(from(this.#early), this.#server.events);
      return createMetrics(this.#server, { bridge: this.#bridge, events });
    });
    return this.#metrics;
  }
}
