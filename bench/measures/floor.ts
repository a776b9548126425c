import type { Measure } from '../context.ts';
import type { Line } from '../line.ts';
import { latencyOf } from './latency.ts';
import { redirectsOf } from './redirects.ts';

/** What `redirects` and `latency` come to for a server that only has a `Map`: the rest of theirs is ours. */
export const floor: Measure = async (context) => [
  asFloor(await redirectsOf('map-server', context)),
  asFloor(await latencyOf('map-server', context)),
];

function asFloor(line: Line): Line {
  return { ...line, measure: 'floor', what: `a Map alone: ${line.what}`, reach: undefined };
}
