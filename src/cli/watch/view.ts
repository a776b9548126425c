import type { FeedStatus, ServiceStatus } from '../../client.ts';
import type { ServerEvent } from '../../model/events.ts';

/** Display of a feed. */
export interface View {
  /** Shows the status of the feed, when it begins and after each break. */
  setStatus(status: FeedStatus): void;
  /** Shows the number of pending flows. */
  pending(flows: number): void;
  /** Shows what the service is and has now. */
  service(status: ServiceStatus): void;
  /** Adds an event to the counts, and to the rows if it is `wanted`. */
  add(event: ServerEvent, wanted: boolean): void;
  /** Shows if the service is connected. */
  connected(is: boolean): void;
  /** Shows at once what a key has changed. */
  update(): void;
  close(): void;
}
