import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';

const folder = join(import.meta.dirname, '..', 'fixtures', 'programs');

/** How a program ended. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program of spec/fixtures/programs to its end. */
export async function runProgram(file: string, ...args: readonly string[]): Promise<Finished> {
  const child = start(file, args);
  child.stdin.end();
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, stdout, stderr };
}

/** A program that has written its first line, and lives until it is disposed of. */
export interface RunningProgram extends AsyncDisposable {
  readonly line: string;
}

/** Starts a program and waits for its first line. */
export async function startProgram(file: string, ...args: readonly string[]): Promise<RunningProgram> {
  const child = start(file, args);
  child.stderr.pipe(process.stderr);
  const closed = once(child, 'close');
  const lines = createInterface(child.stdout);
  const line = new Promise<string>((resolve, reject) => {
    lines.once('line', resolve);
    lines.once('close', () => reject(new Error(`${file} wrote no line`)));
  });
  return {
    line: await line,
    async [Symbol.asyncDispose]() {
      child.kill();
      await closed;
    },
  };
}

function start(file: string, args: readonly string[]) {
  // Killed in the end, so that one that hangs fails its test and is not left behind.
  const limits = { stdio: 'pipe', timeout: 60_000, killSignal: 'SIGKILL' } as const;
  return spawn(process.execPath, ['--import', 'tsx', join(folder, file), ...args], limits);
}
