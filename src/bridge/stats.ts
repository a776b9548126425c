/** Load of a bridge. */
export interface BridgeStats {
  /** Number of open connections. */
  readonly connections: number;
  /** Number of connections that listen for a flow. */
  readonly listeners: number;
  /** Number of connections that read the feed. */
  readonly monitors: number;
  /** Bytes written that peers have not read yet. */
  readonly queued: number;
}
