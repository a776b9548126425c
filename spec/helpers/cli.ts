/** The command as it is built, run as its user runs it: piped, or on a terminal. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deadline, patience } from './assert.ts';
import { ensureBuild, root } from './consumer.ts';

export const bin = join(root, 'dist', 'cli.cjs');

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type Env = Readonly<Record<string, string>>;

/** A command that runs, and everything it has written. */
export class Cli implements AsyncDisposable {
  stdout = '';
  stderr = '';
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<unknown>;
  readonly #waiting = new Set<() => void>();

  private constructor(file: string, args: readonly string[], env: Env) {
    ensureBuild();
    const { PATH = '', HOME = '' } = process.env;
    // Killed in the end, so that one that hangs fails its test and is not left behind.
    const limits = { timeout: 300_000, killSignal: 'SIGKILL' } as const;
    // The fourth stays open until a command on a terminal has ended too.
    this.#child = spawn(file, args, {
      ...limits,
      // No configuration of the user who runs the specs.
      env: { PATH, HOME, TERM: 'xterm', XDG_CONFIG_HOME: '/nonexistent', ...env },
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    });
    this.#closed = once(this.#child, 'close');
    for (const stream of ['stdout', 'stderr'] as const) {
      this.#child[stream].setEncoding('utf8').on('data', (text: string) => {
        this[stream] += text;
        for (const look of this.#waiting) look();
      });
    }
  }

  static start(args: readonly string[], env: Env = {}): Cli {
    return new Cli(process.execPath, [bin, ...args], env);
  }

  /** Starts a program as it stands, such as an installed copy of the command. */
  static program([file = '', ...args]: readonly string[], env: Env = {}): Cli {
    return new Cli(file, args, env);
  }

  /** Runs on a pseudo-terminal: `stdout` is what it shows; output of the command may go to a file instead. */
  static onTerminal(args: readonly string[], env: Env = {}, to?: string): Cli {
    const quoted = [process.execPath, bin, ...args].map((arg) => `'${arg.replaceAll("'", "'\\''")}'`);
    const command = quoted.join(' ') + (to === undefined ? '' : ` > '${to}'`);
    // In place of the shell, which would end by a Ctrl-C of its own.
    return new Cli('script', ['-qefc', `exec ${command}`, '/dev/null'], env);
  }

  /** Runs a script of bash, in which `rx-oauth-callback` is the command as it is built. */
  static script(text: string, env: Env = {}): Cli {
    return new Cli(
      'bash',
      ['-c', `rx-oauth-callback() { '${process.execPath}' '${bin}' "$@"; }\n${text}`],
      env,
    );
  }

  /** Starts an interactive shell on a pseudo-terminal, which runs `command` as a job. */
  static inShell(command: readonly string[], env: Env = {}): Cli {
    const driver = join(import.meta.dirname, 'terminal.py');
    const args = [driver, '24', '100', 'bash', '--norc', '--noprofile', '-i'];
    const shell = new Cli('python3', args, env);
    shell.press(`${[process.execPath, bin, ...command].join(' ')}\r`);
    return shell;
  }

  /** Starts a program on a pseudo-terminal that has a size. */
  static shell(rows: number, columns: number, program: readonly string[], env: Env = {}): Cli {
    const driver = join(import.meta.dirname, 'terminal.py');
    return new Cli('python3', [driver, String(rows), String(columns), ...program], env);
  }

  /** On a pseudo-terminal that has a size, and can be given another. */
  static onTerminalOf(rows: number, columns: number, args: readonly string[], env: Env = {}): Cli {
    const driver = join(import.meta.dirname, 'terminal.py');
    return new Cli('python3', [driver, String(rows), String(columns), process.execPath, bin, ...args], env);
  }

  /** Resizes the terminal of a command that was started with `onTerminalOf`. */
  resize(rows: number, columns: number): void {
    this.press(`\0${rows} ${columns}\n`);
  }

  /** Resolves with the first group of a pattern, once a stream has matched it. */
  async sees(pattern: RegExp, stream: 'stdout' | 'stderr' = 'stdout'): Promise<string> {
    const found = (): string | undefined => pattern.exec(this[stream])?.slice(0, 2).at(-1);
    const arrived = new Promise<void>((resolve) => {
      const look = (): void => {
        if (found() === undefined) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
    const ended = this.#closed.then(() => undefined);
    await deadline(Promise.race([arrived, ended]), `${String(pattern)} in ${stream}`);
    const text = found();
    if (text === undefined)
      throw new Error(`no ${String(pattern)} in ${stream}: ${this.stdout}${this.stderr}`);
    return text;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** From now on what it writes to stdout is not taken. */
  pause(): void {
    this.#child.stdout.pause();
  }

  resume(): void {
    this.#child.stdout.resume();
  }

  /** From now on its pipes are closed at the other end. */
  stopReading(): void {
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
  }

  /** Presses keys of a terminal: `\x03` is Ctrl-C. */
  press(keys: string): void {
    this.#child.stdin.write(keys);
  }

  /** Nothing more will be typed. */
  closeInput(): void {
    this.#child.stdin.end();
  }

  /** Resolves with the result, once the command has ended by itself. */
  async end(ms = patience): Promise<Run> {
    await deadline(this.#closed, 'the end of the command', ms);
    return { code: this.#child.exitCode, stdout: this.stdout, stderr: this.stderr };
  }

  /** Its exit code once it has ended by itself, though what it wrote is not taken. */
  async exited(): Promise<number | null> {
    if (this.#child.exitCode === null) await deadline(once(this.#child, 'exit'), 'the end of the process');
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    this.resume();
    await this.#closed;
  }
}

/** Runs a command to its end. */
export async function run(args: readonly string[], env: Env = {}): Promise<Run> {
  await using cli = Cli.start(args, env);
  return await cli.end();
}

/** A folder of files that goes again. */
export class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'cli-'));

  write(name: string, content: unknown, mode = 0o600): string {
    const path = join(this.path, name);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), { mode });
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
