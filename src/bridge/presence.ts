// Tells its pings from the empty ones of the heartbeat and the numbers of the feed.
const prefix = 'here-';

/**
 * Asks a peer if it is still there.
 *
 * A message of a dead connection may arrive after its client has reconnected: the network delivers late. Such a message must
 * not take a flow away from the newer connection. A peer that answers a ping has sent the message before it on a live
 * connection.
 */
export class Presence {
  readonly #ping: (text: string) => void;
  /** Calls that have come since the last ping, and that the next one serves. */
  #gathered: ((here: boolean) => void)[] = [];
  /** Calls that wait for the answer to a ping, by its number. */
  readonly #asked = new Map<number, ((here: boolean) => void)[]>();
  #pings = 0;
  #gone = false;

  constructor(ping: (text: string) => void) {
    this.#ping = ping;
  }

  /** Resolves with true once the peer has answered a ping that was sent after this call, and with false if it leaves. */
  ask(): Promise<boolean> {
    if (this.#gone) return Promise.resolve(false);
    return new Promise((resolve) => {
      if (this.#gathered.length === 0) queueMicrotask(() => this.#send());
      this.#gathered.push(resolve);
    });
  }

  /** Handles the text of a pong. Returns false if it answers another ping. */
  onPong(text: string): boolean {
    if (!text.startsWith(prefix)) return false;
    const answered = Number(text.slice(prefix.length));
    for (const [number, asked] of this.#asked) {
      // A peer may answer the last ping only. @see RFC 6455 section 5.5.3
      if (number > answered) break;
      this.#asked.delete(number);
      for (const resolve of asked) resolve(true);
    }
    return true;
  }

  /** Called when the connection has closed. */
  leave(): void {
    this.#gone = true;
    const all = [this.#gathered, ...this.#asked.values()].flat();
    this.#gathered = [];
    this.#asked.clear();
    for (const resolve of all) resolve(false);
  }

  #send(): void {
    if (this.#gone) return;
    const number = ++this.#pings;
    this.#asked.set(number, this.#gathered);
    this.#gathered = [];
    this.#ping(`${prefix}${number}`);
  }
}
