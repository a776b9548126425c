import type { FlowStore } from '../../bridge.ts';

/** Store whose flows survive this process. */
export interface OpenStore {
  readonly store: FlowStore;
  close(): Promise<void>;
}
