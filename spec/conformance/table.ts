import type { ReportLine } from '../helpers/suite.ts';
import type { Requirement } from './catalogue.ts';

/** Where one requirement stands after a run. */
export interface Standing extends Requirement {
  outcome: 'passed' | 'not applicable' | 'open';
  /** Tests that have run for it. */
  tests: number;
  /** What there is to say beyond the outcome. */
  remark: string;
}

/** Judges each requirement by the tests whose names begin with its id, or with several of which it is one. */
export function judge(catalogue: readonly Requirement[], lines: readonly ReportLine[]): Standing[] {
  return catalogue.map((requirement) => {
    const { id, absent, note = '' } = requirement;
    const tests = lines.filter(({ name }) => idsOf(name).includes(id));
    const unmet = tests.filter(({ status }) => status !== 'passed');
    const standing = { ...requirement, tests: tests.length };
    if (tests.length === 0) {
      return absent === undefined
        ? { ...standing, outcome: 'open', remark: 'no test' }
        : { ...standing, outcome: 'not applicable', remark: absent };
    }
    if (unmet.length === 0) return { ...standing, outcome: 'passed', remark: note };
    const remark = unmet.map(({ name, status }) => `${status}: ${name.slice(id.length + 1)}`).join('; ');
    return { ...standing, outcome: 'open', remark };
  });
}

function idsOf(name: string): string[] {
  return /^(?:[A-Z]-\d\d )*/.exec(name)?.[0].split(' ') ?? [];
}

/** A line for each requirement, and the counts. */
export function table(standings: readonly Standing[]): string {
  const lines = standings.map(({ id, mode, outcome, tests, remark }) =>
    `${id}  ${mode}  ${outcome.padEnd(14)}  ${String(tests || '').padStart(2)}  ${remark}`.trimEnd(),
  );
  const counts = (['passed', 'not applicable', 'open'] as const).map(
    (outcome) => `${standings.filter((standing) => standing.outcome === outcome).length} ${outcome}`,
  );
  return [...lines, '', `${standings.length} requirements: ${counts.join(', ')}`].join('\n');
}
