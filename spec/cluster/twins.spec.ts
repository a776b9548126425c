/** The rows of the cluster: the real modules pass, and each weakened twin of cluster-twins.ts is rejected for its weakness. */
import { clusterRows, type ClusterRow } from '../cluster-rows.ts';
import { clusterTwins } from '../cluster-twins.ts';
import { complains } from '../helpers/complains.ts';
import { hasRedis, noRedis } from '../helpers/redis-server.ts';
import { suite } from '../helpers/suite.ts';
import { weakenedModule } from '../helpers/weakened.ts';

const all = suite('weakened stores and nodes');
const test = all.when(hasRedis, noRedis);

for (const { title, module, check } of Object.values<ClusterRow>(clusterRows))
  test(title, async () => check((await import(`../../src/${module}`)) as never));

for (const { row, weakness, edits, complaint } of clusterTwins) {
  const { title, module, check }: ClusterRow = clusterRows[row];
  test(`"${title}" sees one that ${weakness}`, async () => {
    const twin = await weakenedModule(module, ...edits);
    await complains(() => check(twin as never), complaint);
  });
}

all.run();
