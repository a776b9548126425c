/** The official conformance suite of MCP over clients that sign in with `./mcp`, and over clients that it must fail. */
import { lastValueFrom, toArray } from 'rxjs';
import * as assert from '../helpers/assert.ts';
import { isSuiteHere, noSuite, runTrials } from '../helpers/mcp/conformance.ts';
import { plans, twins } from '../helpers/mcp/conformance-plan.ts';
import { suite } from '../helpers/suite.ts';

const test = suite('the conformance suite of MCP');
// Some 60 processes, of which a slow machine runs one in several seconds.
const limit = { deadline: 300_000 };

if (isSuiteHere) {
  for (const { name, trials } of plans())
    test(
      name,
      async () => {
        const verdicts = await lastValueFrom(runTrials(trials).pipe(toArray()));
        const wrong = verdicts.filter(
          ({ outcome, complaints }) => outcome !== 'passed' || complaints.length > 0,
        );
        assert.equal(wrong, []);
        assert.is(verdicts.length, trials.length);
      },
      limit,
    );

  test(
    'the suite sees the defect of each broken client',
    async () => {
      const verdicts = await lastValueFrom(runTrials(twins.map(({ trial }) => trial)).pipe(toArray()));
      for (const { trial, complaint } of twins) {
        const verdict = verdicts.find(
          (each) => each.scenario === trial.scenario && each.argument === trial.argument,
        );
        assert.not.equal(verdict?.outcome, 'passed');
        assert.match(verdict?.complaints.join('\n') ?? '', complaint);
      }
    },
    limit,
  );
} else test.skip('all scenarios', () => undefined, noSuite);

test.run();
