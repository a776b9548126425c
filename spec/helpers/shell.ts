/** A shell in a reader's project: what was typed runs there, and everything that it prints is seen. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { deadline } from './assert.ts';
import type { Consumer } from './consumer.ts';
import { signIn } from './reader.ts';

export class Shell implements Disposable {
  /** What it has printed on both streams. */
  output = '';
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #visits: Promise<void>[] = [];
  #look: () => void = () => undefined;

  constructor(project: Consumer, commands: string) {
    this.#child = spawn('bash', ['-ec', commands], {
      cwd: project.path,
      env: {
        ...process.env,
        PATH: `${join(project.path, 'node_modules', '.bin')}:${process.env['PATH']}`,
        npm_config_offline: 'true',
        npm_config_update_notifier: 'false',
        // As on a machine without a browser, where `login` prints the URL.
        BROWSER: 'none',
        SSH_CONNECTION: 'here',
      },
      // A group of its own, so that what it has started ends with it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#closed = once(this.#child, 'close');
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        this.#look();
      });
    }
  }

  /** Resolves once it has printed a text. Rejects if it ends before. */
  async sees(text: string): Promise<void> {
    const seen = new Promise<void>((resolve) => {
      this.#look = () => this.output.includes(text) && resolve();
      this.#look();
    });
    await deadline(Promise.race([seen, this.#closed]), text);
    if (!this.output.includes(text)) throw new Error(`ended without "${text}": ${this.output}`);
  }

  /** Signs in at each URL that it prints, and resolves with all that it has printed, once it has ended with 0. */
  async signsIn(): Promise<string> {
    const visited = new Set<string>();
    this.#look = () => {
      for (const [, url = ''] of this.output.matchAll(/^(?:Open|) *(http:\S+\bcode_challenge=\S+)\n/gm)) {
        if (visited.has(url)) continue;
        visited.add(url);
        this.#visits.push(signIn(new URL(url)));
      }
    };
    this.#look();
    const output = await this.end();
    await Promise.all(this.#visits);
    return output;
  }

  /** Resolves with all that it has printed, once it has ended with 0. */
  async end(): Promise<string> {
    await deadline(this.#closed, 'the end of the command', 120_000);
    if (this.#child.exitCode !== 0) throw new Error(`ended with ${this.#child.exitCode}: ${this.output}`);
    return this.output;
  }

  [Symbol.dispose](): void {
    try {
      process.kill(-this.#child.pid!, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
}
