export { createBridge } from './bridge/server.ts';
export { memoryStore } from './store/memory.ts';
export { closeCodes, subprotocol } from './bridge/protocol.ts';
export type { Bridge, BridgeStats } from './bridge/server.ts';
export type { BridgeLimits, BridgeOptions } from './bridge/options.ts';
export type { BridgeToken, Identity, TicketOptions } from './bridge/credentials.ts';
export type { Role } from './bridge/protocol.ts';
export type { BegunFlow, Consumed, FlowStore, NewFlow, StoredFlow, StoredResult } from './store/store.ts';
