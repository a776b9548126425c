import type { ServerEvent } from '../../model/events.ts';
import type { WatchOptions } from './options.ts';

/** Creates a function that tells if an event fits the flags. */
export function filterFor({ type, disposition, flow }: WatchOptions): (event: ServerEvent) => boolean {
  const among = (wanted: readonly string[] | undefined, value: string | undefined): boolean =>
    wanted === undefined || (value !== undefined && wanted.includes(value));
  return (event) =>
    among(type, event.type) &&
    among(disposition, event.type === 'redirect' ? event.disposition : undefined) &&
    among(flow, 'flowId' in event ? event.flowId : undefined);
}
