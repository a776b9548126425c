import { Bucket } from '../../base/bucket.ts';
import type { ConnectionEvent } from '../../bridge/audit.ts';
import type { Log } from '../log.ts';

// Anyone can cause rejections, which must not fill the disk of the log.
const rejections = { burst: 20, perSecond: 1 };

/**
 * Returns a function that logs when a connection of the bridge is opened, rejected or closed. Rejections beyond a rate are
 * only counted.
 */
export function connectionLog(
  log: Log,
  now: () => number = () => performance.now(),
): (event: ConnectionEvent) => void {
  const bucket = new Bucket(rejections.burst, rejections.perSecond);
  let omitted = 0;
  return (event) => {
    if (event.type === 'rejected' && !bucket.take(now())) {
      omitted++;
      return;
    }
    if (event.type === 'rejected' && omitted > 0) {
      log.info(`${omitted} more rejected connections were not logged`);
      omitted = 0;
    }
    log.connection(event);
  };
}
