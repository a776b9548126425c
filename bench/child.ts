import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { built } from './build.ts';
import type { CommonOrders, Order, Orders, Reply } from './orders.ts';

/** A program of bench/programs in a process of its own: plain node on compiled code. */
export class Child<O extends Orders> implements AsyncDisposable {
  readonly #process;
  readonly #waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  #orders = 0;

  constructor(program: string, ...flags: readonly string[]) {
    this.#process = fork(join(built, 'programs', `${program}.js`), {
      execArgv: ['--expose-gc', ...flags, ...(process.env['BENCH_FLAGS']?.split(' ') ?? [])],
      serialization: 'advanced',
    });
    this.#process.on('message', (reply: Reply) => this.#hear(reply));
    this.#process.on('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values())
        reject(new Error(`${program} has ended: ${String(code ?? signal)}`));
    });
  }

  ask<K extends keyof (O & CommonOrders) & string>(
    name: K,
    ...args: Parameters<(O & CommonOrders)[K]>
  ): Promise<Awaited<ReturnType<(O & CommonOrders)[K]>>> {
    const id = ++this.#orders;
    const order: Order = { id, name, args: args };
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#process.send(order);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    // The process then exits by itself, after it has written its profile.
    this.#process.disconnect();
    await ended;
  }

  #hear({ id, value, failure }: Reply): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (failure === undefined) waiting?.resolve(value as never);
    else waiting?.reject(new Error(failure));
  }
}
