import { complains } from '../helpers/complains.ts';
import { hasRedis, noRedis } from '../helpers/redis-server.ts';
import { closeInTheEnd, suite } from '../helpers/suite.ts';
import { rebuilt, weakenedModule } from '../helpers/weakened.ts';
import type { Check, Requirement, Subject } from './requirement.ts';

/** Names of a check's tests begin with the ids that it proves. */
export function idsOf({ id }: Pick<Requirement, 'id'>, { options }: Pick<Check, 'options'>): string {
  return [id, ...(options.also ?? [])].join(' ');
}

/**
 * Runs a suite that has, for each check: one test against the real module, and one for each twin, which the check must
 * reject. At last, twins without a weakness must pass: their errors and streams are those of the real modules, or a
 * check would reject them for being another program.
 */
export function prove({ title, requirements }: Subject): void {
  endWithoutTwins();
  const all = suite(title);
  const testOf = ({ options }: Check) => (options.redis ? all.when(hasRedis, noRedis) : all);
  const checks = requirements.flatMap((each) =>
    each.checks.map((check) => ({ ids: idsOf(each, check), check, test: testOf(check) })),
  );

  for (const { ids, check, test } of checks) {
    const { title, module, run, twins, options } = check;
    const limit = options.deadline === undefined ? {} : { deadline: options.deadline };
    test(`${ids} ${title}`, async () => run((await import(`../../src/${module}`)) as object), limit);
    for (const { weakness, changes, complaint } of twins)
      test(`${ids} rejects one that ${weakness}`, async () => {
        const twin = await weakenedModule(module, ...changes);
        await complains(() => run(twin), complaint);
      });
  }

  const twinned = checks.filter(({ check }) => check.twins.length > 0);
  for (const redis of [false, true]) {
    const concerned = twinned.filter(({ check }) => (check.options.redis ?? false) === redis);
    concerned[0]?.test(
      `twins without a weakness pass${redis ? ' with Redis' : ''}`,
      async () => {
        for (const { ids, check } of concerned) {
          const twin = await rebuilt(check.module, check.twins);
          await check.run(twin).catch((error: unknown) => {
            throw new Error(`${ids} ${check.title}`, { cause: error });
          });
        }
      },
      { deadline: 300_000 },
    );
  }
  all.run();
}

/** Ends the timers that keep the process alive for flows that wait: some twins leave flows that never end. */
function endWithoutTwins(): void {
  const longestMs = 2 ** 31 - 1;
  const timers: NodeJS.Timeout[] = [];
  const { setInterval } = globalThis;
  const noting = (run: () => void, ms?: number): NodeJS.Timeout => {
    const timer = setInterval(run, ms);
    if (ms === longestMs) timers.push(timer);
    return timer;
  };
  Object.assign(globalThis, { setInterval: noting });
  closeInTheEnd(() => {
    for (const timer of timers) clearInterval(timer);
  });
}
