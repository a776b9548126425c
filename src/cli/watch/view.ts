import type { FeedStatus } from '../../client.ts';
import type { ServerEvent } from '../../events.ts';

/** Where a feed is shown. */
export interface View {
  /** Where the feed stands, as it begins and after each break. */
  stands(status: FeedStatus): void;
  /** How many flows wait, as that changes. */
  pending(flows: number): void;
  /** @param wanted Whether it is one of those that are asked for. */
  add(event: ServerEvent, wanted: boolean): void;
  /** The connection is there, or away. */
  connected(is: boolean): void;
  close(): void;
}
