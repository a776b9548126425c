import type { Sealer } from '../sealer.ts';

/** Name of a flow in Redis. Its id is made of its state, which the name does not show. */
export interface FlowName {
  readonly id: string;
  /** Hash tag of the flow's keys and channels, which puts them into one hash slot. */
  readonly bucket: string;
  readonly key: string;
}

// Hash tags over which a cluster spreads flows; a flow's keys and channels have the same one.
const buckets = 1_024;

/** Names of the keys and channels of one prefix. */
export class Names {
  readonly #prefix: string;
  readonly #sealer: Sealer;

  constructor(prefix: string, sealer: Sealer) {
    this.#prefix = prefix;
    this.#sealer = sealer;
  }

  of(state: string): FlowName {
    const digest = this.#sealer.name(state);
    const id = digest.toString('base64url').slice(0, 22);
    const bucket = String(digest.readUInt16BE(digest.length - 2) % buckets);
    return { id, bucket, key: `${this.#prefix}{${bucket}}:flow:${id}` };
  }

  pageKey({ id, bucket }: FlowName): string {
    return `${this.#prefix}{${bucket}}:page:${id}`;
  }

  /** Returns the key of a record. */
  recordKey(key: string): string {
    const { id, bucket } = this.of(key);
    return `${this.#prefix}{${bucket}}:record:${id}`;
  }

  /** Returns the beginning of a bucket's channels; a node's channel ends with the node's name. */
  channels(bucket: string): string {
    return `${this.#prefix}{${bucket}}:node:`;
  }

  quotaKeys(): [flows: string, allowance: string] {
    const tenant = this.#sealer.tenantName;
    return [`${this.#prefix}{${tenant}}:flows`, `${this.#prefix}{${tenant}}:allowance`];
  }
}
