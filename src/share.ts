/**
 * Many processes of one user on one port: the first serves, and the others get the responses of their own flows.
 *
 * @module rx-oauth-callback/share
 */
export { sharedCallbackHost } from './share/host.ts';
export { PortHeldError, UnsafeSecretError } from './share/errors.ts';
export type { SharedCallbackHost } from './share/host.ts';
export type { SharedHostOptions } from './share/options.ts';
export type { PortHeldReason, PortHolder } from './share/errors.ts';
export { raceHosts } from './share/race.ts';
export type { RacedFlow, RacedHost } from './share/race.ts';
export type { FlowLink } from './model/flow-link.ts';
