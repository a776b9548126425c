import type { NewFlow, StoredFlow } from '../model/flow-store.ts';
import type { Sealer } from './sealer.ts';

/** Seals what a store keeps of a flow. */
export function sealFlow(sealer: Sealer, flow: NewFlow): string {
  const { state, key, expectation, redirectUri, description, startId } = flow;
  return sealer.seal(state, 'flow', JSON.stringify({ key, expectation, redirectUri, description, startId }));
}

/** What a store has of a flow. */
export interface KeptFlow {
  readonly id: string;
  readonly sealed: string;
  /** Milliseconds since the epoch by the store's clock. */
  readonly expiresAt: number;
}

/** Opens what a store keeps of a flow. Throws `StoredFlowError` if it was sealed with another key or for another flow. */
export function openFlow(sealer: Sealer, state: string, { id, sealed, expiresAt }: KeptFlow): StoredFlow {
  const text = sealer.open(state, 'flow', sealed);
  const { expectation, redirectUri, key, description, startId } = JSON.parse(text) as Omit<NewFlow, 'state'>;
  // JSON leaves out members that are undefined.
  const { issuer } = expectation;
  return {
    id,
    state,
    expectation: { ...expectation, issuer },
    redirectUri,
    ...(description && { description }),
    ...(startId !== undefined && { startId }),
    expiresAt,
    key,
  };
}
