/** The rows of the commands, of sign-ins and of operators: the real modules pass, and each weakened twin is rejected for its weakness. */
import { browserRows } from './browser-rows.ts';
import { browserTwins } from './browser-twins.ts';
import { commandRows, type CommandRow } from './command-rows.ts';
import { commandTwins } from './command-twins.ts';
import { complains } from './helpers/complains.ts';
import { suite } from './helpers/suite.ts';
import { weakenedModule } from './helpers/weakened.ts';
import { loginRows } from './login-rows.ts';
import { loginTwins } from './login-twins.ts';
import { operatorRows } from './operator-rows.ts';
import { operatorTwins } from './operator-twins.ts';

const rows = { ...browserRows, ...commandRows, ...loginRows, ...operatorRows };

const test = suite('commands');

for (const { title, module, check } of Object.values<CommandRow>(rows))
  test(title, async () => check((await import(`../src/${module}`)) as never));

for (const { row, weakness, edits, complaint } of [
  ...browserTwins,
  ...commandTwins,
  ...loginTwins,
  ...operatorTwins,
]) {
  const { title, module, check }: CommandRow = rows[row];
  test(`"${title}" sees one that ${weakness}`, async () => {
    const twin = await weakenedModule(module, ...edits);
    await complains(async () => check(twin as never), complaint);
  });
}

test.run();
