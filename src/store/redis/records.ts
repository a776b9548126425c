import { randomToken } from '../../base/random.ts';
import type { SharedRecord, SharedRecords } from '../../model/flow-store.ts';
import type { Commands } from './commands.ts';
import type { Names } from './names.ts';
import type { Sealer } from '../sealer.ts';
import * as scripts from './scripts.ts';

// A removal is repeated if its answer was lost, and must find then that it was its own.
const removedMs = 60_000;

/** Records in Redis: named by a hash of their key, and sealed with it. The version of a record is its sealed text. */
export class RedisRecords implements SharedRecords {
  readonly #commands: Commands;
  readonly #sealer: Sealer;
  readonly #names: Names;

  constructor(commands: Commands, sealer: Sealer, names: Names) {
    this.#commands = commands;
    this.#sealer = sealer;
    this.#names = names;
  }

  async read(key: string): Promise<SharedRecord | undefined> {
    const sealed = await this.#commands.run(scripts.readRecord, [this.#names.recordKey(key)]);
    return typeof sealed === 'string' ? this.#sealer.openRecord(key, sealed) : undefined;
  }

  async replace(
    key: string,
    version: string | undefined,
    text: string | undefined,
    ttl: number,
  ): Promise<boolean> {
    const after = text === undefined ? `!${randomToken(12)}` : this.#sealer.seal(key, 'record', text);
    const keptMs = text === undefined ? removedMs : Math.ceil(ttl);
    const names = [this.#names.recordKey(key)];
    return Number(await this.#commands.run(scripts.replaceRecord, names, version ?? '', after, keptMs)) === 1;
  }
}
