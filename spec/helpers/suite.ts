/**
 * uvu's `suite`, with the ways in which it lets a failure pass shut: every test has a deadline and leaves a line in
 * the report, and a test that is registered must also run. There are no hooks (uvu swallows what they throw) and no
 * `only`: close things in `finally`.
 */
import { appendFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { suite as uvuSuite } from 'uvu';
import { Assertion, deadline } from './assert.ts';

export type TestBody = () => void | Promise<void>;

export interface TestOptions {
  /** Milliseconds until the test counts as failed. @default 60000 */
  readonly deadline?: number;
}

export type Test = (name: string, body: TestBody, options?: TestOptions) => void;

export interface Suite extends Test {
  /** Registers a test that does not run; under CI=true it fails instead. */
  skip(name: string, body: TestBody, reason?: string): void;
  /** `test.when(redis, 'no redis-server here')('B-04 …', body)` runs if Redis is there and is skipped otherwise. */
  when(available: boolean, reason: string): Test;
  /** To be called once, after the last test. */
  run(): void;
}

/** A line of the report. `registered` lines let the runner see tests that never ended. */
export interface ReportLine {
  readonly suite: string;
  readonly name: string;
  readonly status: 'registered' | 'passed' | 'failed' | 'skipped';
  readonly ms: number;
  readonly reason?: string;
}

interface Ledger {
  readonly title: string;
  readonly waiting: Set<{ readonly name: string }>;
  ran: boolean;
}

// Taken before a spec can replace it.
const { setTimeout } = globalThis;
// Longer than `patience`, so that a wait that fails says what it waited for.
const DEADLINE = 60_000;
const ledgers: Ledger[] = [];
const closes = new Set<() => void>();
const report = process.env['SPEC_REPORT'];
// Programs that a spec starts must not write into its report.
delete process.env['SPEC_REPORT'];

/** Calls `close` after the last test of the file: for what a test holds in memory only, and would not close itself. */
export function closeInTheEnd(close: () => void): void {
  closes.add(close);
}

export function suite(title: string): Suite {
  const inner = uvuSuite(title);
  const ledger: Ledger = { title, waiting: new Set(), ran: false };
  const skips: (() => void)[] = [];
  let count = 0;
  ledgers.push(ledger);

  const register = (name: string) => {
    if (ledger.ran)
      throw new Error(`"${name}" comes after the run() of suite "${title}" and would never run`);
    const entry = { name };
    const note = (line: Omit<ReportLine, 'suite' | 'name'>) => {
      if (report) appendFileSync(report, `${JSON.stringify({ suite: title, name, ...line })}\n`);
    };
    count++;
    ledger.waiting.add(entry);
    note({ status: 'registered', ms: 0 });
    return (line: Omit<ReportLine, 'suite' | 'name'>) => {
      ledger.waiting.delete(entry);
      note(line);
      if (ledgers.some(({ waiting, ran }) => !ran || waiting.size > 0)) return;
      for (const close of closes) close();
      nameLeftovers();
    };
  };

  const test: Test = (name, body, options = {}) => {
    const settle = register(name);
    inner(name, async () => {
      const elapsed = stopwatch();
      try {
        await inTime(body, options.deadline ?? DEADLINE, elapsed);
      } catch (thrown) {
        settle({ status: 'failed', ms: elapsed() });
        throw printable(thrown);
      }
      settle({ status: 'passed', ms: elapsed() });
    });
  };

  const skip: Suite['skip'] = (name, _body, reason = 'no reason given') => {
    if (process.env['CI'] === 'true') {
      test(name, () => {
        throw new Error(`skipped (${reason}), but with CI=true every test must run`);
      });
      return;
    }
    const settle = register(name);
    skips.push(() => settle({ status: 'skipped', ms: 0, reason }));
    inner.skip();
  };

  const when: Suite['when'] = (available, reason) =>
    available ? test : (name, body) => skip(name, body, reason);

  const run = () => {
    if (ledger.ran) throw new Error(`suite "${title}" is run twice`);
    if (count === 0) throw new Error(`suite "${title}" has no tests`);
    ledger.ran = true;
    for (const settle of skips) settle();
    inner.run();
  };

  return Object.assign(test, { skip, when, run });
}

async function inTime(body: TestBody, limit: number, elapsed: () => number): Promise<void> {
  // Called within a promise, so that what a synchronous body throws is a rejection like any other.
  const work = (async () => body())();
  await deadline(work, 'the test', limit);
  // A body that blocks the event loop keeps the timer from firing.
  if (elapsed() > limit) throw new Error(`the test: took ${elapsed()} ms of ${limit} ms`);
}

const stopwatch = (start = performance.now()) => {
  return () => Math.round(performance.now() - start);
};

/**
 * uvu's own printing throws on what is not an Error, and on some of node:assert's; it then drops both the failure and
 * the rest of the suite.
 */
function printable(thrown: unknown): Error {
  if (thrown instanceof Assertion) return thrown;
  const message = inspect(thrown);
  if (!(thrown instanceof Error)) return new Error(`threw ${message}, which is not an Error`);
  const copy = new Error(`${thrown.name}: ${thrown.message}`, { cause: thrown });
  // inspect() also shows the code and the cause, which uvu would leave out.
  copy.stack = message;
  return copy;
}

/** A process that lives on a second after its last test says what keeps it, before its runner ends it. */
function nameLeftovers(): void {
  const name = (): void => console.error(`  still open: ${process.getActiveResourcesInfo().join(', ')}`);
  setTimeout(name, 1_000).unref();
}

// Without this a process that has nothing left to do may spin for ever in Node's clean-up (nodejs/node#47748). A turn
// later, so that what others do as late as this still counts.
process.once('beforeExit', () => void setImmediate(() => process.exit()));

process.on('exit', () => {
  for (const { title, waiting, ran } of ledgers) {
    const names = [...waiting].map(({ name }) => `\n    ${name}`).join('');
    if (!ran) complain(`suite "${title}": its run() was never called${names}`);
    else if (waiting.size > 0)
      complain(`suite "${title}": the process ended before these tests did:${names}`);
  }
});

function complain(message: string): void {
  console.error(`  FAIL  ${message}`);
  process.exitCode = 1;
}
