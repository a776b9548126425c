/** A flow that waits, as people who watch see it. */
export interface WaitingSignIn {
  /** The flow's id. */
  readonly flowId: string;
  /** Time at which it was begun, in milliseconds since the epoch; undefined if another node has begun it. */
  readonly begunAt?: number | undefined;
  /** Time at which it expires; undefined if it ends with its last subscriber. */
  readonly expiresAt?: number | undefined;
  /** Label that its program has given it. */
  readonly label?: string | undefined;
  /** Issuer that it expects, if it expects exactly one. */
  readonly issuer?: string | undefined;
  /** Name of the credential of the remote program that waits for it; undefined if this process does. */
  readonly listener?: string | undefined;
  /** Tenant that it is of; undefined for the service's own. */
  readonly tenant?: string | undefined;
}

/** Maximum number of waiting flows that monitors are shown. */
export const maxShownWaiting = 100;
