/**
 * Page for operators, which shows the sign-ins of a service as they happen.
 *
 * @module rx-oauth-callback/monitor
 */
export { createMonitor } from './monitor/server.ts';
export { TooManyLinksError } from './monitor/errors.ts';
export type { Monitor } from './monitor/server.ts';
export type { MonitorOptions } from './monitor/options.ts';
