import { Bucket } from '../base/bucket.ts';
import type { FlowQuota } from '../model/flow-store.ts';

/** Limits of a tenant in a store of this process. */
export class TenantQuota {
  readonly #flows: number;
  readonly #bucket: Bucket;

  constructor({ flows = 100_000, perSecond = 10_000 }: FlowQuota) {
    this.#flows = flows;
    this.#bucket = new Bucket(perSecond, perSecond);
  }

  /** Tells if another flow may begin, and counts it. @param flows Flows that the tenant has. */
  admits(flows: number, now: number): boolean {
    return flows < this.#flows && this.#bucket.take(now);
  }
}
