import type { Measure } from '../context.ts';
import { targets, withReceivers } from '../receivers.ts';
import { slope } from '../statistics.ts';
import { short } from '../table.ts';

const each = 20_000;
const warmUp = 0.2;

export const soak: Measure = async ({ minutes, tell }) =>
  withReceivers(
    ['callback-server', 'bare-server'],
    { notes: 'arrival', waiting: 10_000 },
    async ({ load, ours }) => {
      const start = performance.now();
      const passed = (): number => (performance.now() - start) / 60_000;
      const sizes: [minute: number, megabytes: number][] = [];
      let redirects = 0;
      let amiss = 0;
      while (passed() < minutes) {
        await ours.child.ask('prepare', each, ours.file);
        await load.ask('fire', targets([ours]));
        amiss += await ours.child.ask('amiss');
        redirects += each;
        const { rss } = await ours.child.ask('memory');
        sizes.push([passed(), rss / 2 ** 20]);
        tell(
          `${short(passed())} of ${minutes} minutes, ${short(redirects)} redirects, ${short(rss / 2 ** 20)} MB`,
        );
      }
      const settled = sizes.filter(([minute]) => minute > minutes * warmUp);
      const line = { measure: 'soak', ours: `${short(redirects)} redirects`, against: '' };
      const megabytes = (size: readonly number[] | undefined): string => short(size?.[1] ?? NaN);
      return [
        { ...line, what: 'responses lost or doubled', value: amiss, reach: { most: 0 } },
        {
          ...line,
          what: 'growth of RSS after warm-up',
          value: slope(settled),
          unit: 'MB/min',
          reach: { most: 1 },
          against: `${megabytes(settled[0])} MB at first, ${megabytes(settled.at(-1))} MB at last`,
        },
      ];
    },
  );
