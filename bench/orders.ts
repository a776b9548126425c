/** The counterpart of child.ts in the programs: executes orders and replies. */
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
  /** Returns µs of processor time, of all threads. */
  cpu(): number {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  /** Returns bytes after a garbage collection. */
  memory(): { heap: number; rss: number } {
    globalThis.gc?.();
    const { heapUsed, external, rss } = process.memoryUsage();
    return { heap: heapUsed + external, rss };
  },
};

/** Orders that every program executes. */
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
  // The parent process has ended.
  process.on('disconnect', () => process.exit());
}
