/**
 * The test command: `tsx spec/run.ts [filter…] [--dir DIR] [--report FILE]`
 *
 * Runs every spec file in its own process and believes none of them: the exit code, uvu's closing lines and the
 * report of spec/helpers/suite.ts must all agree that each registered test has run and passed.
 *
 * Environment: SPEC_DEADLINE, ms a file may take (900000); SPEC_LINGER, ms its process may live on after uvu's
 * closing lines (20000); CI=true, nothing may be skipped.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect, parseArgs, stripVTControlCharacters } from 'node:util';
import type { ReportLine } from './helpers/suite.ts';

/** Result of a child process. `fault` says why it had to be killed. */
interface Execution {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly output: string;
  readonly fault: string | undefined;
}

interface SpecFile {
  readonly file: string;
  readonly index: number;
  readonly source: string;
}

interface Verdict {
  /** The results, and a failed one for each test that has none. */
  readonly lines: readonly ReportLine[];
  /** Why the file fails, apart from its failed tests. */
  readonly faults: readonly string[];
}

// More than there are processors, because many files mostly wait.
const AT_ONCE = 3;
const CLOSING = /^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)\n {2}Duration: .*$/gm;
const RAW_UVU = /\b(?:from|import|require)\s*\(?\s*['"`]uvu(?:\/\w+)?['"`]/;
const MAY_IMPORT_UVU = [join('helpers', 'suite.ts'), join('helpers', 'assert.ts')];

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const running = new Set<ChildProcess>();
const scratch = mkdtempSync(join(tmpdir(), 'spec-'));
const total = { passed: 0, failed: 0, skipped: 0 };

process.on('exit', () => {
  for (const child of running) end(child);
  rmSync(scratch, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    refuse('the run', [`interrupted by ${signal}`]);
    finish(128 + constants.signals[signal]);
  });
}

// Whatever happens to the runner itself, it says so in its last line.
process.once('uncaughtException', (error) => {
  refuse('the run', [inspect(error)]);
  finish(1);
});

await main();
finish(total.failed > 0 ? 1 : 0);

async function main(): Promise<void> {
  const { values, positionals: filters } = parseArgs({
    allowPositionals: true,
    options: { dir: { type: 'string' }, report: { type: 'string' } },
  });
  const dir = resolve(values.dir ?? join(root, 'spec'));
  const keep = values.report === undefined ? undefined : resolve(values.report);
  const limits = {
    whole: milliseconds('SPEC_DEADLINE', 900_000),
    linger: milliseconds('SPEC_LINGER', 20_000),
  };
  if (keep !== undefined) {
    mkdirSync(dirname(keep), { recursive: true });
    // Emptied first: yesterday's results must not survive a run that is cut short.
    writeFileSync(keep, '');
  }

  const { specs, strays } = discover(dir, filters);
  for (const [file, why] of strays) refuse(file, [why]);
  for (const filter of filters) {
    if (!discover(dir, [filter]).specs.length) refuse(`filter "${filter}"`, ['matches no spec file']);
  }

  const queue = queueOf(
    specs.map((file, index) => ({ file, index, source: readFileSync(join(dir, file), 'utf8') })),
  );
  const work = async () => {
    for (let next = queue.take(); next; next = queue.take()) {
      const { file, index, source } = next;
      const report = join(scratch, `${index}.jsonl`);
      const start = performance.now();
      const execution = await execute(join(dir, file), report, limits);
      queue.end(next);
      const verdict = judge(source, execution, readReport(report));
      if (keep !== undefined)
        appendFileSync(keep, verdict.lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      settle(file, verdict, execution.output, Math.round(performance.now() - start));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (total.passed + total.failed === 0) refuse('the run', ['no test ran']);
}

/**
 * Returns functions that take the next spec file, and that say that one has ended. A file that starts browsers runs beside others,
 * but not beside another such one while there are others.
 */
function queueOf(files: readonly SpecFile[]): {
  take: () => SpecFile | undefined;
  end: (file: SpecFile) => void;
} {
  const browsers = files.filter(startsBrowsers);
  const others = files.filter((file) => !startsBrowsers(file));
  let browsing = 0;
  return {
    take: () => {
      const [first, second] = browsing === 0 ? [browsers, others] : [others, browsers];
      const next = first.shift() ?? second.shift();
      if (next && startsBrowsers(next)) browsing++;
      return next;
    },
    end: (file) => {
      if (startsBrowsers(file)) browsing--;
    },
  };
}

function startsBrowsers({ source }: SpecFile): boolean {
  return source.includes('/chromium.ts');
}

/** The spec files that match a filter, and files that hide tests from this command whatever the filter. */
function discover(dir: string, filters: readonly string[]) {
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.[cm]?[jt]sx?$/.test(file) && !/^fixtures[\\/]/.test(file))
    .sort();
  const specs = files.filter((file) => file.endsWith('.spec.ts'));
  const strays = files
    .filter((file) => !specs.includes(file) && !MAY_IMPORT_UVU.includes(file))
    .flatMap((file): [string, string][] => {
      if (/[._-](?:spec|test)\.\w+$/.test(file))
        return [[file, 'is not named *.spec.ts, so it would never run']];
      return RAW_UVU.test(readFileSync(join(dir, file), 'utf8')) ? [[file, 'imports uvu itself']] : [];
    });
  const matches = (file: string) =>
    filters.length === 0 ||
    filters.some((filter) => file.includes(filter) || relative('.', join(dir, file)).includes(filter));
  return { specs: specs.filter(matches), strays };
}

function execute(
  file: string,
  report: string,
  limits: { whole: number; linger: number },
): Promise<Execution> {
  return new Promise((done, failed) => {
    // `strict`: a listener for unhandledRejection, or NODE_OPTIONS, must not hide one.
    const flags = ['--expose-gc', '--unhandled-rejections=strict', '--import', 'tsx'];
    const child = spawn(process.execPath, [...flags, file], {
      cwd: root,
      env: { ...process.env, SPEC_REPORT: report },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that whatever it starts can be ended with it.
      detached: true,
    });
    let stdout = '';
    let output = '';
    let fault: string | undefined;
    let linger: NodeJS.Timeout | undefined;
    const kill = (why: string) => {
      fault ??= why;
      end(child);
      // A process of its own may hold the other ends, and 'close' would wait for that.
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const whole = setTimeout(kill, limits.whole, `killed: not finished within ${limits.whole} ms`);
    const outlived = () => {
      const gone = child.exitCode !== null || child.signalCode !== null;
      const what = gone
        ? 'a process that it started still holds its output'
        : 'something left open keeps it alive';
      kill(`${gone ? '' : 'killed: '}${limits.linger} ms after the tests ended ${what}`);
    };
    const ended = () => {
      linger ??= setTimeout(outlived, limits.linger);
    };
    running.add(child);
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
      output += chunk;
      if (closings(stdout.slice(-1000)).length > 0) ended();
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
    child.once('exit', ended);
    child.once('error', failed);
    child.once('close', (code, signal) => {
      clearTimeout(whole);
      clearTimeout(linger);
      running.delete(child);
      done({ code, signal, stdout, output, fault });
    });
  });
}

/** With what it has started, though it may be gone itself. */
function end({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // There is nobody left.
  }
}

function closings(stdout: string): RegExpExecArray[] {
  return [...stripVTControlCharacters(stdout).matchAll(CLOSING)];
}

/** Undefined for a report that cannot be read back, as after a kill in the middle of a line. */
function readReport(path: string): ReportLine[] | undefined {
  try {
    return readFileSync(path, { encoding: 'utf8', flag: 'a+' })
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as ReportLine);
  } catch {
    return undefined;
  }
}

function judge(source: string, execution: Execution, report: readonly ReportLine[] | undefined): Verdict {
  const { code, signal, stdout, fault } = execution;
  const results = (report ?? []).filter(({ status }) => status !== 'registered');
  const ran = results.filter(({ status }) => status !== 'skipped').length;
  const missing = unfinished(report ?? []);
  const faults: string[] = [];
  const check = (bad: boolean, why: string) => bad && faults.push(why);

  if (fault !== undefined) faults.push(fault);
  else check(code !== 0, signal ? `ended by ${signal}` : `exit code ${code}`);
  check(RAW_UVU.test(source), 'imports uvu itself: specs take suite and assert from spec/helpers');
  check(report === undefined, 'its report is damaged');
  check(results.length === 0, 'no test ran');
  for (const { suite, name } of missing) faults.push(`registered, but never ended: ${suite} › ${name}`);

  const [closing, again] = closings(stdout);
  if (!closing) {
    faults.push("uvu's closing lines are missing");
  } else {
    const [tests, passed, skipped] = closing.slice(1).map(Number);
    check(again !== undefined, 'uvu ran more than once: no await may come between one run() and the next');
    check(passed !== tests, `uvu passed ${passed} of ${tests} tests`);
    check(tests !== ran, `uvu ran ${tests} tests, the report has ${ran}`);
    check(process.env['CI'] === 'true' && skipped !== 0, `${skipped} skipped, and with CI=true none may be`);
  }
  return { faults, lines: [...results, ...missing.map((line) => ({ ...line, status: 'failed' as const }))] };
}

/** Names may repeat, so every result strikes out one registration. */
function unfinished(report: readonly ReportLine[]): ReportLine[] {
  const open = report.filter(({ status }) => status === 'registered');
  for (const { status, suite, name } of report) {
    const index = open.findIndex((line) => line.suite === suite && line.name === name);
    if (status !== 'registered' && index >= 0) open.splice(index, 1);
  }
  return open;
}

function settle(file: string, { lines, faults }: Verdict, output: string, ms: number): void {
  const count = (status: ReportLine['status']) => lines.filter((line) => line.status === status).length;
  const [passed, failed, skipped] = [count('passed'), count('failed'), count('skipped')];
  total.passed += passed;
  total.skipped += skipped;
  if (failed + faults.length === 0) {
    console.log(`ok    ${file}  ${passed} passed${skipped > 0 ? `, ${skipped} skipped` : ''}  ${ms} ms`);
    return;
  }
  console.log(output.trimEnd());
  refuse(`${file}  ${ms} ms`, faults, failed);
}

/** Counts at least one failure, so that what is wrong outside of every test shows in the last line too. */
function refuse(what: string, reasons: readonly string[], failed = 0): void {
  total.failed += Math.max(1, failed);
  console.log([`FAIL  ${what}`, ...reasons.map((reason) => `      ${reason}`)].join('\n'));
}

function finish(code: number): never {
  const { passed, failed, skipped } = total;
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exit(code);
}

function milliseconds(variable: string, fallback: number): number {
  const value = Number(process.env[variable] ?? fallback);
  if (value > 0 && value < 2 ** 31) return value;
  throw new Error(`${variable} must be a number of milliseconds; got "${process.env[variable]}"`);
}
