/** Checks of the rules of `rx-oauth-callback/mcp`, each with the weakened twins that it must reject. */
import { twin, type Twin } from '../../conformance/requirement.ts';
import { mcpAuth } from '../../../src/mcp.ts';
import { complains } from '../complains.ts';
import type { Suite, TestOptions } from '../suite.ts';
import { weakenedModule } from '../weakened.ts';
import type { CreateMcpAuth } from './with-mcp.ts';

export { twin };

/** Registers a check of the product, and one test for each twin, which the check must reject. */
export function ruleOf(test: Suite) {
  return (
    name: string,
    check: (create: CreateMcpAuth) => Promise<void>,
    twins: readonly Twin[] = [],
    options: TestOptions = {},
  ): void => {
    test(name, () => check(mcpAuth), options);
    for (const { weakness, changes, complaint } of twins)
      test(`${name} – rejects one that ${weakness}`, async () => {
        const weakened = (await weakenedModule('mcp.ts', ...changes)) as { mcpAuth: CreateMcpAuth };
        await complains(() => check(weakened.mcpAuth), complaint);
      });
  };
}
