import type { Measure } from '../context.ts';
import { bridgeLatency } from './bridge-latency.ts';
import { cliStart } from './cli-start.ts';
import { cluster } from './cluster.ts';
import { dispatch, ofState } from './dispatch.ts';
import { express } from './express.ts';
import { fanOut } from './fan-out.ts';
import { firstListen } from './first-listen.ts';
import { floor } from './floor.ts';
import { latency } from './latency.ts';
import { listenerMemory } from './listener-memory.ts';
import { memory } from './memory.ts';
import { operators } from './operators.ts';
import { pauses } from './pauses.ts';
import { redirects } from './redirects.ts';
import { signIns } from './sign-ins.ts';
import { size } from './size.ts';
import { slowMonitors } from './slow-monitors.ts';
import { soak } from './soak.ts';

/** Measures by name, in the order in which they run. */
export const measures: Readonly<Record<string, Measure>> = {
  redirects,
  express,
  'sign-ins': signIns,
  dispatch,
  'of-state': ofState,
  memory,
  pauses,
  latency,
  floor,
  size,
  'bridge-latency': bridgeLatency,
  'fan-out': fanOut,
  'listener-memory': listenerMemory,
  'slow-monitors': slowMonitors,
  'cli-start': cliStart,
  'first-listen': firstListen,
  cluster,
  soak,
  operators,
};

/** Measures that run only if they are named. */
export const onDemand: ReadonlySet<string> = new Set(['soak', 'operators']);
