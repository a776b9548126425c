import type { Clock } from '../../base/clock.ts';
import { withTimeout } from '../../base/timeout.ts';
import type { RedisClient, RedisSubscriber } from './client.ts';

type ScriptClient = Pick<RedisClient, 'evalSha' | 'eval'>;

// Milliseconds between attempts to connect anew: the name may lead to the old primary for a while.
const renewalIntervalMs = 1_000;

/**
 * Connection for scripts. It is the caller's, until the Redis behind it only reads because another one has become primary.
 * A new connection leads to the new primary if a name or a proxy chooses it; the store owns that one.
 */
export class Connection {
  readonly #original: RedisClient;
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #onRenewed: () => void;
  #current: ScriptClient;
  #own: RedisSubscriber | undefined;
  #renewedAt = -Infinity;
  #closed = false;

  /** @param onRenewed Called when scripts run over a new connection. */
  constructor(original: RedisClient, clock: Clock, timeout: number, onRenewed: () => void) {
    this.#original = original;
    this.#current = original;
    this.#clock = clock;
    this.#timeout = timeout;
    this.#onRenewed = onRenewed;
  }

  get client(): ScriptClient {
    return this.#current;
  }

  /** Connects anew, and then uses that connection. A failure is ignored: the next script asks again. */
  async renew(): Promise<void> {
    const now = this.#clock.now();
    if (now - this.#renewedAt < renewalIntervalMs || this.#isClosed()) return;
    this.#renewedAt = now;
    const fresh = await connectedDuplicate(this.#original, this.#clock, this.#timeout);
    if (!fresh) return;
    if (this.#isClosed() || !runsScripts(fresh)) {
      fresh.destroy();
      return;
    }
    this.#own?.destroy();
    this.#own = fresh;
    this.#current = fresh;
    this.#onRenewed();
  }

  /** Tells it after an await too. */
  #isClosed(): boolean {
    return this.#closed;
  }

  /** Closes the connection of the store; the caller's stays open. */
  close(): void {
    this.#closed = true;
    this.#own?.destroy();
  }
}

function runsScripts(client: RedisSubscriber): client is RedisSubscriber & ScriptClient {
  return client.evalSha !== undefined && client.eval !== undefined;
}

/** Resolves with another client, connected; with undefined if that fails or takes longer than `timeout`. */
export async function connectedDuplicate(
  client: RedisClient,
  clock: Clock,
  timeout: number,
): Promise<RedisSubscriber | undefined> {
  const fresh = client.duplicate();
  // Without a handler an error would end the process.
  fresh.on('error', () => undefined);
  const isConnected = fresh.connect().then(
    () => true,
    () => false,
  );
  if (await withTimeout(clock, timeout, isConnected, () => false)) return fresh;
  fresh.destroy();
  return undefined;
}
