import { Child } from '../child.ts';
import type { Measure } from '../context.ts';
import type { Line } from '../line.ts';
import type { Crowd } from '../programs/crowd.ts';
import { short } from '../table.ts';

const count = 500_000;

export const memory: Measure = async ({ tell }) => {
  const weigh = async (subscribers: 0 | 1): Promise<number> => {
    await using child = new Child<Crowd>('crowd', '--max-old-space-size=8192');
    return await child.ask('weigh', count, subscribers);
  };
  const line = (what: string, value: number, most: number): Line => ({
    measure: 'memory',
    what,
    value,
    unit: 'B',
    reach: { most },
    ours: `${short(count)} flows`,
    against: '',
  });
  tell('flows without a subscriber');
  const alone = await weigh(0);
  tell('flows with one');
  const observed = await weigh(1);
  return [
    line('memory of a begun flow', alone, 700),
    line('memory of one with a subscriber', observed, 1_300),
  ];
};
