import type { ReportLine } from '../helpers/suite.ts';
import type { Requirement } from './requirement.ts';

/** The parts of a requirement that the table shows. */
export type Listed = Pick<Requirement, 'id' | 'demand' | 'source' | 'note' | 'absent'>;

/** How one requirement stands after a run. */
export interface Standing extends Listed {
  outcome: 'passed' | 'not applicable' | 'open';
  /** Number of tests that have run for it. */
  tests: number;
  /** Reason for the outcome, or a note. */
  remark: string;
}

/** Judges each requirement by the tests whose names begin with its id, alone or among several ids. */
export function judge(catalogue: readonly Listed[], lines: readonly ReportLine[]): Standing[] {
  return catalogue.map((requirement) => {
    const { id, absent, note = '' } = requirement;
    const tests = lines.filter(({ name }) => idsIn(name).includes(id));
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

function idsIn(name: string): string[] {
  return /^(?:[A-Z]-\d\d )*/.exec(name)?.[0].split(' ') ?? [];
}

/** Lines for each requirement, and the counts. */
export function table(standings: readonly Standing[]): string {
  const lines = standings.flatMap(({ id, demand, source, outcome, tests, remark }) => [
    `${id}  ${outcome.padEnd(14)}  ${String(tests || '').padStart(3)}  ${demand} (${source})`,
    ...(remark ? [`${' '.repeat(27)}${remark}`] : []),
  ]);
  const counts = (['passed', 'not applicable', 'open'] as const).map(
    (outcome) => `${standings.filter((standing) => standing.outcome === outcome).length} ${outcome}`,
  );
  return [...lines, '', `${standings.length} requirements: ${counts.join(', ')}`].join('\n');
}
