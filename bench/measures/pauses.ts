import { Child } from '../child.ts';
import type { Measure } from '../context.ts';
import type { Crowd, Pauses } from '../programs/crowd.ts';
import { median } from '../statistics.ts';
import { short } from '../table.ts';

// The default of `maxFlows`.
const count = 100_000;
const most = 3;

export const pauses: Measure = async ({ rounds, tell }) => {
  const runs: { busy: Pauses; idle: Pauses }[] = [];
  for (let run = 0; run < Math.min(rounds, most); run++) {
    await using child = new Child<Crowd>('crowd', '--max-old-space-size=8192');
    const busy = await child.ask('begunAndExpired', count);
    await using other = new Child<Crowd>('crowd');
    const idle = await other.ask('idle', busy.whole);
    tell(
      `a pause of ${short(busy.longest)} ms in ${short(busy.whole / 1000)} s, ${short(idle.longest)} ms idle`,
    );
    runs.push({ busy, idle });
  }
  const longest = runs.map(({ busy }) => busy.longest);
  const collection = median(runs.map(({ busy }) => busy.collection));
  return [
    {
      measure: 'pauses',
      what: 'longest pause, begin + expire of 100,000 flows',
      value: median(longest),
      unit: 'ms',
      reach: { most: 20 },
      ours: `longest collection ${short(collection)} ms`,
      against: `idle ${short(median(runs.map(({ idle }) => idle.longest)))} ms`,
      rounds: longest,
    },
  ];
};
