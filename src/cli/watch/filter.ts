import type { ServerEvent } from '../../events.ts';
import type { WatchOptions } from '../watch.ts';

/** Whether an event is one of those that are asked for. */
export function filterFor({ type, disposition, flow }: WatchOptions): (event: ServerEvent) => boolean {
  const among = (wanted: readonly string[] | undefined, value: string | undefined): boolean =>
    wanted === undefined || (value !== undefined && wanted.includes(value));
  return (event) =>
    among(type, event.type) &&
    among(disposition, event.type === 'redirect' ? event.disposition : undefined) &&
    among(flow, 'flow' in event ? event.flow : undefined);
}
