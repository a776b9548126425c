import type { Measure } from '../context.ts';
import type { Line } from '../line.ts';
import { latencyOf } from './latency.ts';
import { redirectsOf } from './redirects.ts';

/** Compares the floor of `redirects` and `latency`, a server with only a `Map`, with a server that only answers. */
export const floor: Measure = async (context) => [
  asFloor(await redirectsOf(['map-server', 'bare-server'], context)),
  asFloor(await latencyOf(['map-server', 'bare-server'], context)),
];

function asFloor(line: Line): Line {
  return {
    ...line,
    measure: 'floor',
    what: line.what.replace(/÷.*/, '÷ bare node:http, of a Map server'),
    reach: undefined,
  };
}
