/** A node of a service as a process of its own, for specs that end it without warning. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { deadline } from './assert.ts';
import type { Balancer } from './balancer.ts';
import { token } from './bridge.ts';

export class NodeProcess {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #balancer: Balancer;

  private constructor(child: ChildProcess, port: number, balancer: Balancer) {
    this.#child = child;
    this.port = port;
    this.#balancer = balancer;
  }

  /**
   * @param file Path of the compiled `cluster-node.ts`.
   * @param offset Milliseconds that its clock is ahead.
   */
  static async start(file: string, redis: string, balancer: Balancer, offset: number): Promise<NodeProcess> {
    const child = spawn(process.execPath, [file, redis, balancer.url, String(offset), token], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const orphaned = (): void => void child.kill('SIGKILL');
    process.on('exit', orphaned);
    child.once('exit', () => process.off('exit', orphaned));
    const lines = createInterface(child.stdout);
    const [port] = (await deadline(once(lines, 'line'), 'a node that listens')) as [string];
    balancer.targets.add(Number(port));
    return new NodeProcess(child, Number(port), balancer);
  }

  /** With SIGTERM it is taken out of the balancer first; SIGKILL comes without warning. */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (signal === 'SIGTERM') this.#balancer.targets.delete(this.port);
    const exited =
      this.#child.exitCode === null && this.#child.signalCode === null && once(this.#child, 'exit');
    this.#child.kill(signal);
    if (exited) await deadline(exited, `the end of a node after ${signal}`);
    this.#balancer.targets.delete(this.port);
  }
}
