import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../../base/clock.ts';
import type { Report } from '../../base/isolated-observable.ts';
import { withTimeout } from '../../base/timeout.ts';
import { StoreUnavailableError } from '../../model/errors.ts';
import type { ScriptOptions } from './client.ts';
import type { Connection } from './connection.ts';
import type { Script } from './scripts.ts';

// Milliseconds between attempts.
const retryDelayMs = 50;

/** Errors that another attempt would meet again. */
const finalErrors = /^(?:NOPERM|NOAUTH|WRONGPASS|WRONGTYPE|ERR|OOM)\b/;

const digests = new Map<Script, string>();

/** Runs scripts, and retries for a bounded time if a connection breaks or a node fails over. */
export class Commands {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #report: Report;
  /** Causes that were reported since Redis was last available, by their code. */
  readonly #reported = new Set<string>();

  /** @param report Called once for each cause of an outage. */
  constructor(connection: Connection, clock: Clock, timeout: number, report: Report) {
    this.#connection = connection;
    this.#clock = clock;
    this.#timeout = timeout;
    this.#report = report;
  }

  /** Ends an outage, so that the next one is reported. */
  recovered(): void {
    this.#reported.clear();
  }

  /** Runs a script. Rejects with `StoreUnavailableError` once the time is over; the script may have run all the same. */
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
        return plain(await this.#within(left, this.#evaluate(script, options)));
      } catch (error) {
        cause = error;
        if (messageOf(error).startsWith('READONLY')) {
          this.#tell(error);
          void this.#connection.renew();
        }
        if (finalErrors.test(messageOf(error))) break;
        await new Promise<void>((resolve) => void this.#clock.after(retryDelayMs, resolve));
      }
    }
    throw this.#tell(cause);
  }

  /** Returns the error for a cause, and reports it if that cause is new. */
  #tell(cause: unknown): StoreUnavailableError {
    const error = new StoreUnavailableError('the store cannot be reached', { cause: scrubbed(cause) });
    const [code = ''] = /^[A-Z]+(?= )/.exec(messageOf(cause)) ?? [];
    if (!this.#reported.has(code)) this.#report(error);
    this.#reported.add(code);
    return error;
  }

  /** Bounds one attempt: a client that has lost its connection queues a command until it has reconnected. */
  #within<T>(ms: number, answer: Promise<T>): Promise<T> {
    return withTimeout(this.#clock, ms, answer, async () => {
      // A process that was busy may not have read the answer yet.
      await setTimeout(20);
      throw new Error('no answer in time');
    });
  }

  async #evaluate(script: Script, options: ScriptOptions): Promise<unknown> {
    try {
      return await this.#connection.client.evalSha(digestOf(script), options);
    } catch (error) {
      if (!messageOf(error).startsWith('NOSCRIPT')) throw error;
      return await this.#connection.client.eval(script.source, options);
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

/** Gives texts as strings: a client may be set to return them as bytes. */
function plain(answer: unknown): unknown {
  if (Array.isArray(answer)) return answer.map(plain);
  return answer instanceof Uint8Array ? Buffer.from(answer).toString() : answer;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : '';
}

/** Copies an error's message only: a client's error may contain the command with its arguments. */
function scrubbed(cause: unknown): Error {
  return new Error(messageOf(cause).slice(0, 200));
}
