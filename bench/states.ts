import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file by which a process gives another its states, which are too many for a message. */
export class StatesFile implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'bench-'));
  readonly path = join(this.#folder, 'states');

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}

export function writeStates(path: string, states: readonly string[]): void {
  writeFileSync(path, states.join('\n'));
}

export function readStates(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n');
}

export function randomStates(count: number): string[] {
  return Array.from({ length: count }, () => randomBytes(32).toString('base64url'));
}
