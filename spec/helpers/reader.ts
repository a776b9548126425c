/** A reader of the documents, who runs a program, opens each URL that it prints, and signs in. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { visit } from '../../src/testing.ts';
import type { Consumer } from './consumer.ts';

/** How a program ended. */
export interface Finished {
  /** Null if it had to be killed. */
  readonly code: number | null;
  readonly lines: readonly string[];
  readonly errors: string;
  /** Complaint about a URL that it printed and that cannot be opened. */
  readonly unopened: string | undefined;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Milliseconds after which the program is killed. @default 60000 */
  readonly limit?: number;
}

const tsx = fileURLToPath(import.meta.resolve('tsx'));

/** Runs a program of a project to its end: JavaScript by Node, TypeScript by tsx, commands by the shell. */
export async function runAsReader(
  project: Consumer,
  file: string,
  { env = {}, limit = 60_000 }: RunOptions = {},
): Promise<Finished> {
  const [command, args] = commandOf(join(project.path, file));
  const child = spawn(command, args, {
    cwd: join(project.path, dirname(file)),
    env: {
      ...process.env,
      PATH: `${join(project.path, 'node_modules', '.bin')}:${process.env['PATH']}`,
      npm_config_offline: 'true',
      npm_config_update_notifier: 'false',
      ...env,
    },
    // A group of its own, so that what a shell has started ends with it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const timer = setTimeout(() => end(child), limit);
  const closed = once(child, 'close');
  const errors = text(child.stderr);
  const lines: string[] = [];
  const visits: Promise<string | undefined>[] = [];
  try {
    for await (const line of createInterface(child.stdout)) {
      lines.push(line);
      const url = /^(?:Open )?(https?:\/\/\S+)$/.exec(line)?.[1];
      if (url !== undefined) visits.push(signIn(new URL(url)).then(() => undefined, unopenedBy));
    }
    await closed;
    const unopened = (await Promise.all(visits)).find((complaint) => complaint !== undefined);
    return { code: child.exitCode, lines, errors: await errors, unopened };
  } finally {
    clearTimeout(timer);
    end(child);
  }
}

function commandOf(program: string): [command: string, args: string[]] {
  if (program.endsWith('.sh')) return ['bash', ['-e', program]];
  return [process.execPath, program.endsWith('.ts') ? ['--import', tsx, program] : [program]];
}

function end(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

function unopenedBy(error: unknown): string {
  return `prints a URL that cannot be opened: ${error instanceof Error ? error.message : String(error)}`;
}

/** Opens a URL and fills in the forms that it leads to. */
export async function signIn(url: URL): Promise<void> {
  await visit(url, { fields: { login: 'ada', password: 'open sesame' } });
}
