import { createHash } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { StoreUnavailableError } from '../../errors.ts';
import type { RedisClient, ScriptOptions } from './client.ts';
import type { Script } from './scripts.ts';

// Between attempts, in milliseconds.
const pause = 50;

/** Answers that another attempt would not change. */
const final = /^(?:NOPERM|NOAUTH|WRONGPASS|WRONGTYPE|ERR|OOM)\b/;

const digests = new Map<Script, string>();

/** Runs scripts, again where a connection has broken or a node has failed over, for a bounded time. */
export class Commands {
  readonly #client: RedisClient;
  readonly #clock: Clock;
  readonly #timeout: number;

  constructor(client: RedisClient, clock: Clock, timeout: number) {
    this.#client = client;
    this.#clock = clock;
    this.#timeout = timeout;
  }

  /** Rejects with `StoreUnavailableError` once the time is over; whether the script has run is not known then. */
  async run(
    script: Script,
    keys: readonly string[],
    ...args: readonly (string | number)[]
  ): Promise<unknown> {
    const options = { keys: [...keys], arguments: args.map(String) };
    const end = this.#clock.now() + this.#timeout;
    let cause: unknown;
    for (let left = this.#timeout; left > 0; left = end - this.#clock.now()) {
      try {
        return await this.#within(left, this.#evaluate(script, options));
      } catch (error) {
        cause = error;
        if (final.test(messageOf(error))) break;
        await new Promise<void>((resolve) => void this.#clock.after(pause, resolve));
      }
    }
    throw new StoreUnavailableError('the store of the flows cannot be reached', { cause: scrubbed(cause) });
  }

  /** A client that has lost its connection keeps a command until it has another, for however long. */
  async #within<T>(ms: number, answer: Promise<T>): Promise<T> {
    let stop = (): void => undefined;
    const late = new Promise<never>((_, reject) => {
      // A process that was busy for so long has answers that it has not read yet.
      stop = this.#clock.after(ms, () => void setTimeout(() => reject(new Error('no answer in time')), 20));
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      stop();
    }
  }

  async #evaluate(script: Script, options: ScriptOptions): Promise<unknown> {
    try {
      return await this.#client.evalSha(digestOf(script), options);
    } catch (error) {
      if (!messageOf(error).startsWith('NOSCRIPT')) throw error;
      return await this.#client.eval(script.source, options);
    }
  }
}

function digestOf(script: Script): string {
  let digest = digests.get(script);
  if (digest === undefined) {
    digest = createHash('sha1').update(script.source).digest('hex');
    digests.set(script, digest);
  }
  return digest;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : '';
}

/** A client's error may name the command with all that was said. */
function scrubbed(cause: unknown): Error {
  return new Error(messageOf(cause).slice(0, 200));
}
