import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Observable } from 'rxjs';
import type { Bridge } from '../bridge/server.ts';
import type { ServerEvent } from '../events.ts';
import { internalsOf } from '../internals.ts';
import type { OAuthCallbackServer } from '../server.ts';
import { endingOf, endings } from './endings.ts';
import { OpenFlows } from './open-flows.ts';

/** What a server and its bridge do, in figures. */
export interface Metrics {
  /** For the `Content-Type` of an answer. */
  readonly contentType: string;
  /** All figures now, in the text format of Prometheus. */
  readonly text: () => Promise<string>;
  /** Counts no more. */
  close(): void;
}

export interface MetricsOptions {
  /** Its connections, and what is queued for them. */
  bridge?: Pick<Bridge, 'stats'>;
  /** What happened, if not what `server.events` says from now on. */
  events?: Observable<ServerEvent>;
  /**
   * Those of the process as well: memory, processor time, event-loop lag, garbage collection.
   * @default true
   */
  process?: boolean;
}

const prefix = 'rx_oauth_callback_';

/** A person may take a second or the whole ten minutes. */
const seconds = [0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600];

/**
 * Counts what happens at a server, from now until it closes. No label holds a secret, or text that a stranger chose.
 */
export function createMetrics(
  server: OAuthCallbackServer,
  { bridge, events = server.events, process = true }: MetricsOptions = {},
): Metrics {
  const register = new Registry();
  const registers = [register];
  if (process) collectDefaultMetrics({ register });
  if (bridge) gaugesOf(bridge, register);
  const { pending } = internalsOf(server);
  new Gauge({
    name: `${prefix}flows_pending`,
    help: 'Flows that wait for their redirect',
    registers,
    collect() {
      this.set(pending());
    },
  });
  const count = counting(register);
  const subscription = events.subscribe(count);
  return {
    contentType: register.contentType,
    text: () => register.metrics(),
    close: () => subscription.unsubscribe(),
  };
}

function counting(register: Registry): (event: ServerEvent) => void {
  const registers = [register];
  const begun = new Counter({ name: `${prefix}flows_begun_total`, help: 'Flows that were begun', registers });
  const ended = new Counter({
    name: `${prefix}flows_ended_total`,
    help: "Flows that ended, by how, and by the provider's error",
    labelNames: ['ending', 'error'],
    registers,
  });
  const waiting = new Histogram({
    name: `${prefix}flow_waiting_seconds`,
    help: 'From the beginning of a flow to its ending',
    labelNames: ['ending'],
    buckets: seconds,
    registers,
  });
  const redirects = new Counter({
    name: `${prefix}redirects_total`,
    help: 'Redirects, by what became of them and why',
    labelNames: ['disposition', 'reason'],
    registers,
  });
  const finished = new Counter({
    name: `${prefix}sign_ins_finished_total`,
    help: 'Sign-ins of which the program has said how they ended',
    labelNames: ['outcome'],
    registers,
  });
  // From the start, so that the first of a kind is seen as a change.
  for (const ending of endings) ended.inc({ ending, error: '' }, 0);
  redirects.inc({ disposition: 'accepted', reason: '' }, 0);
  const begunAt = new OpenFlows<number>();
  return (event) => {
    const { type, at } = event;
    if (type === 'begun') {
      begun.inc();
      begunAt.begin(event.flow, at, at, event.expiresAt);
    } else if (type === 'redirect') {
      redirects.inc({ disposition: event.disposition, reason: event.reason ?? '' });
    } else if (type === 'finished') {
      finished.inc({ outcome: event.outcome });
    }
    const end = endingOf(event);
    if (!end) return;
    const { flow, ending, error } = end;
    ended.inc({ ending, error });
    const since = begunAt.end(flow);
    // A clock that was set back has nobody wait for less than no time.
    if (since !== undefined) waiting.observe({ ending }, Math.max(0, at - since) / 1_000);
  };
}

function gaugesOf(bridge: Pick<Bridge, 'stats'>, register: Registry): void {
  const gauge = (name: string, help: string, value: () => number): void => {
    new Gauge({
      name: `${prefix}bridge_${name}`,
      help,
      registers: [register],
      collect() {
        this.set(value());
      },
    });
  };
  gauge('connections', 'Connections now open', () => bridge.stats().connections);
  gauge('listeners', 'Connections that listen for a flow', () => bridge.stats().listeners);
  gauge('monitors', 'Connections that watch the feed', () => bridge.stats().monitors);
  gauge('queued_bytes', 'Bytes written that their readers have not taken', () => bridge.stats().queued);
}
