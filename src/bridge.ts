/**
 * Bridge of a callback service: sends each response over WebSocket to the program that waits for it.
 *
 * @module rx-oauth-callback/bridge
 */
export { createBridge } from './bridge/server.ts';
export { jwtAuthentication } from './bridge/jwt.ts';
export { memoryStore } from './store/memory.ts';
export { closeCodes, subprotocol } from './wire/protocol.ts';
export type { Bridge } from './bridge/server.ts';
export type { BridgeStats } from './bridge/stats.ts';
export type { Authenticated, BridgeLimits, BridgeOptions } from './bridge/options.ts';
export type { WebhookOptions } from './bridge/webhooks/options.ts';
export type { JwtClaims, JwtOptions } from './bridge/jwt-options.ts';
export type { JwtOutcome } from './bridge/jwt.ts';
export type { BridgeToken, Identity, IdentityLimits, RejectedCredential } from './bridge/credentials.ts';
export type { TicketOptions } from './bridge/tickets.ts';
export { TooManyTicketsError } from './model/errors.ts';
export type { Role } from './wire/protocol.ts';
export type { MemoryStoreOptions } from './store/memory.ts';
export type { Clock } from './base/clock.ts';
export type { Expectation, IssuerExpectation, Mismatch } from './model/expectation.ts';
export type { Arrival } from './model/redirect.ts';
export type { FlowDescription } from './model/flow-description.ts';
export type {
  BegunFlow,
  Consumed,
  FlowShare,
  FlowStore,
  FlowWatcher,
  NewFlow,
  SharedRecord,
  SharedRecords,
  StoredFlow,
  StoredResult,
} from './model/flow-store.ts';
export type { Confirmed } from './model/confirmation.ts';
