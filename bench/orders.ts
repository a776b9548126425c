/** The programs' side of child.ts: does as it is told, and answers. */
import { inspect } from 'node:util';

export type Orders = Record<string, (...args: never[]) => unknown>;

export interface Order {
  id: number;
  name: string;
  args: never[];
}

export interface Reply {
  id: number;
  value?: unknown;
  failure?: string;
}

const common = {
  /** Microseconds of processor time, all threads. */
  cpu(): number {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  /** Bytes, after a collection. */
  memory(): { heap: number; rss: number } {
    globalThis.gc?.();
    const { heapUsed, external, rss } = process.memoryUsage();
    return { heap: heapUsed + external, rss };
  },
};

/** What every program can be told. */
export type CommonOrders = typeof common;

export function obey(own: Orders): void {
  const orders: Orders = { ...common, ...own };
  // eslint-disable-next-line @typescript-eslint/require-await
  const run = async ({ name, args }: Order): Promise<unknown> => orders[name]!(...args);
  const reply = (answer: Reply): void => void process.send!(answer);
  process.on('message', (order: Order) => {
    const { id } = order;
    run(order).then(
      (value) => reply({ id, value }),
      (error: unknown) => reply({ id, failure: inspect(error) }),
    );
  });
  // Whoever started this process has gone.
  process.on('disconnect', () => process.exit());
}
