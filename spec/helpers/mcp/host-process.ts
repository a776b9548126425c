import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Person } from './person.ts';

/** A process of a host of MCP servers: spec/fixtures/programs/mcp-process.ts. The person opens what it asks to open. */
export class HostProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;
  readonly #person: Person;
  readonly #closed: Promise<unknown>;

  /** @param args Arguments of the program. */
  constructor(program: string, args: readonly string[], person: Person) {
    this.#child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
    this.#person = person;
    this.#closed = once(this.#child, 'close');
  }

  /** Resolves with the next line that is not for the person. */
  async line(): Promise<string> {
    for (;;) {
      const next = await this.#lines.next();
      if (next.done) throw new Error('the process has ended');
      if (!next.value.startsWith('open ')) return next.value;
      this.#person.open(new URL(next.value.slice('open '.length)));
    }
  }

  call(server: string): Promise<string> {
    this.#child.stdin.write(`${server}\n`);
    return this.line();
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}
