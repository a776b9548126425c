export { createMonitor } from './monitor/server.ts';
export type { Monitor } from './monitor/server.ts';
export type { MonitorOptions } from './monitor/options.ts';
