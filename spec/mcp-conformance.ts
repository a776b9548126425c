/**
 * `npm run mcp-conformance -- [FILTER…]`: runs the official conformance suite of MCP over clients that sign in with `./mcp`, and
 * prints each scenario with its outcome. A filter is a part of the name of a program or a scenario.
 *
 * Exits with 1 if a scenario fails or warns, if none runs, or if the suite is not installed.
 */
import { lastValueFrom, tap, toArray } from 'rxjs';
import { isSuiteHere, noSuite, runTrials, type Trial, type Verdict } from './helpers/mcp/conformance.ts';
import { plans } from './helpers/mcp/conformance-plan.ts';

if (isSuiteHere) await main(process.argv.slice(2));
else {
  console.error(noSuite);
  process.exitCode = 1;
}

async function main(filters: readonly string[]): Promise<void> {
  const trials = plans()
    .flatMap((plan) => plan.trials)
    .filter((trial) => filters.length === 0 || filters.some((filter) => nameOf(trial).includes(filter)));
  const verdicts = await lastValueFrom(runTrials(trials).pipe(tap(print), toArray()));
  const having = (outcome: Verdict['outcome']): number =>
    verdicts.filter((verdict) => verdict.outcome === outcome).length;
  const passed = having('passed');
  console.log(`${passed} passed, ${having('failed')} failed, ${having('warned')} warnings`);
  process.exitCode = passed > 0 && passed === trials.length ? 0 : 1;
}

function print(verdict: Verdict): void {
  console.log(`${verdict.outcome}  ${nameOf(verdict)} ${`${verdict.ms} ms`.padStart(9)}`);
  for (const complaint of verdict.complaints) console.log(`        ${complaint}`);
}

function nameOf({ program, scenario, revision }: Trial): string {
  return `${program.padEnd(26)}  ${(revision ?? '').padEnd(10)}  ${scenario.padEnd(36)}`;
}
