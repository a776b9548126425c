/** The built command as its user runs it: with pipes, or on a terminal. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import * as assert from './assert.ts';
import { ensureBuild, root } from './consumer.ts';

export const bin = join(root, 'dist', 'cli.js');

/** What a user's shell has, less what the machine of the specs happens to have. */
const environment: NodeJS.ProcessEnv = {
  PATH: process.env['PATH'],
  HOME: process.env['HOME'],
  TERM: 'xterm',
};

export class StartedCommand implements AsyncDisposable {
  stdout = '';
  stderr = '';
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<unknown>;
  readonly #look = new Set<() => void>();

  private constructor(file: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    ensureBuild();
    this.#child = spawn(file, args, { env: { ...environment, ...env } });
    this.#closed = once(this.#child, 'close');
    this.#child.stdin.on('error', () => undefined);
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#heard();
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#heard();
    });
    void this.#closed.then(() => this.#heard());
  }

  static piped(args: readonly string[], env: NodeJS.ProcessEnv = {}): StartedCommand {
    return new StartedCommand(process.execPath, [bin, ...args], env);
  }

  /** On a pseudo-terminal, which `stdout` is then all of; the command's own stdout may go to a file. */
  static onTerminal(args: readonly string[], env: NodeJS.ProcessEnv = {}, to?: string): StartedCommand {
    const quoted = [process.execPath, bin, ...args]
      .map((arg) => `'${arg.replaceAll("'", `'\\''`)}'`)
      .join(' ');
    const command = to === undefined ? quoted : `${quoted} > '${to}'`;
    return new StartedCommand(
      'script',
      ['--quiet', '--return', '--flush', '--command', command, '/dev/null'],
      env,
    );
  }

  /** What the pattern's first group has, once it is there, on either stream. */
  async find(pattern: RegExp): Promise<string> {
    let found: string | undefined;
    const look = (): boolean => {
      const match = pattern.exec(this.stderr) ?? pattern.exec(this.stdout);
      found = match?.[1] ?? match?.[0];
      return found !== undefined || this.#child.exitCode !== null;
    };
    await this.#until(look);
    if (found === undefined) throw new Error(`no ${String(pattern)} in:\n${this.stderr}\n${this.stdout}`);
    return found;
  }

  /** The URL that its user is asked to open. */
  async url(): Promise<URL> {
    return new URL(await this.find(/^ {2}(?:\u001b\[36m)?(https?:\S+?)(?:\u001b\[39m)?\r?\n/m));
  }

  type(text: string): void {
    this.#child.stdin.write(text);
  }

  /** No more input. */
  endInput(): void {
    this.#child.stdin.end();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The exit code, once it has ended by itself. */
  async ended(ms = 10_000): Promise<number | null> {
    await assert.deadline(this.#closed, ms, 'the end of the command');
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }

  #heard(): void {
    for (const look of this.#look) look();
  }

  async #until(met: () => boolean): Promise<void> {
    const change = new Promise<void>((resolve) => {
      const look = (): void => {
        if (!met()) return;
        this.#look.delete(look);
        resolve();
      };
      this.#look.add(look);
      look();
    });
    await assert.deadline(change, 10_000, 'the output');
  }
}
