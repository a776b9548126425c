import { createHash } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { StoreUnavailableError } from '../../errors.ts';
import type { RedisClient } from './client.ts';
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
    let cause: unknown;
    let over = false;
    const timer = { stop: (): void => undefined };
    const late = new Promise<'late'>((resolve) => {
      timer.stop = this.#clock.after(this.#timeout, () => {
        over = true;
        resolve('late');
      });
    });
    try {
      while (!over) {
        const answer = await Promise.race([this.#attempt(script, options), late]);
        if (answer === 'late') break;
        if ('value' in answer) return answer.value;
        cause = answer.error;
        if (final.test(messageOf(cause))) break;
        await Promise.race([new Promise<void>((resolve) => void this.#clock.after(pause, resolve)), late]);
      }
    } finally {
      timer.stop();
    }
    throw new StoreUnavailableError('the store of the flows cannot be reached', { cause: scrubbed(cause) });
  }

  async #attempt(
    script: Script,
    options: { keys: string[]; arguments: string[] },
  ): Promise<{ value: unknown } | { error: unknown }> {
    try {
      return { value: await this.#evaluate(script, options) };
    } catch (error) {
      return { error };
    }
  }

  async #evaluate(script: Script, options: { keys: string[]; arguments: string[] }): Promise<unknown> {
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
  const message = messageOf(cause).slice(0, 200);
  return new Error(message || 'no answer in time');
}
