import { randomToken } from '../../base/random.ts';
import { StoredFlowError } from '../../model/errors.ts';
import type { SharedRecord, SharedRecords } from '../../model/flow-store.ts';
import type { Commands } from './commands.ts';
import type { Names } from './names.ts';
import type { Sealer } from './seal.ts';
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
    return typeof sealed === 'string' ? this.#open(key, sealed) : undefined;
  }

  /** Returns undefined for a record that was sealed with a key which this node does not have any more. */
  #open(key: string, sealed: string): SharedRecord | undefined {
    try {
      return { text: this.#sealer.open(key, 'record', sealed), version: sealed };
    } catch (error) {
      if (error instanceof StoredFlowError) return undefined;
      throw error;
    }
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
