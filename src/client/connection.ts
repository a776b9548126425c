import type { Clock } from '../clock.ts';
import type { ServiceMessage } from '../bridge/protocol.ts';
import type { OpenTransport, Transport } from './transport.ts';

export type Welcome = Extract<ServiceMessage, { type: 'welcome' }>;

export interface ConnectionOptions {
  url: string;
  credential: () => string | Promise<string>;
  open: OpenTransport;
  clock: Clock;
  /** Connected, for the first time or again. */
  onWelcome: (welcome: Welcome) => void;
  onMessage: (message: ServiceMessage) => void;
  /** No further attempt will be made. */
  onLost: (reason: Lost) => void;
}

/** Why a connection is given up. */
export interface Lost {
  code: number;
  /** HTTP status of a refused handshake, where known. */
  status?: number | undefined;
}

// After these, coming back would meet the same answer.
const finalCodes: ReadonlySet<number> = new Set([1000, 1003, 1007, 1008, 1009, 4401, 4409]);
const finalStatuses: ReadonlySet<number> = new Set([400, 401, 403, 404, 405, 426]);

const firstDelay = 5_000;
const longestDelay = 60_000;
// The service pings every 30 s; twice that and a bit without a sign of life means that it is gone.
const silence = 75_000;

/** A connection that comes back. Messages wait while it is away, and go out no faster than the service takes them. */
export class Connection {
  readonly #options: ConnectionOptions;
  #transport: Transport | undefined;
  #welcome: Welcome | undefined;
  #attempt = 0;
  #closed = false;
  #everWelcomed = false;
  #queue: string[] = [];
  #left = 0;
  #refilledAt = 0;
  #stopPacing: (() => void) | undefined;
  #stopWaiting: (() => void) | undefined;
  #stopWatch: (() => void) | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    void this.#connect();
  }

  get welcome(): Welcome | undefined {
    return this.#welcome;
  }

  /** Sends now, or as soon as the service takes more. Dropped while disconnected: what must survive is sent again on welcome. */
  send(message: object): void {
    if (!this.#welcome) return;
    this.#queue.push(JSON.stringify(message));
    this.#flush();
  }

  /** Sends what waits and closes. */
  close(): void {
    this.#closed = true;
    this.#stopWaiting?.();
    for (const text of this.#queue) this.#transport?.send(text);
    this.#offline();
    this.#transport?.close(1000);
  }

  async #connect(): Promise<void> {
    const { credential, open, url } = this.#options;
    try {
      const given = await credential();
      if (this.#closed) return;
      const transport = open(url, given, {
        message: (text) => this.#receive(text),
        alive: () => this.#watchSilence(),
        closed: (code, status) => this.#onClosed(code, status),
      });
      this.#transport = transport;
    } catch {
      this.#onClosed(1006);
    }
  }

  #receive(text: string): void {
    this.#watchSilence();
    const message = JSON.parse(text) as ServiceMessage;
    if (message.type !== 'welcome') {
      this.#options.onMessage(message);
      return;
    }
    this.#welcome = message;
    this.#everWelcomed = true;
    this.#attempt = 0;
    this.#left = message.burst;
    this.#refilledAt = this.#options.clock.now();
    this.#options.onWelcome(message);
  }

  #onClosed(code: number, status?: number): void {
    this.#offline();
    if (this.#closed) return;
    // A first attempt that fails is the caller's to repeat: most likely the URL or the credential is wrong.
    if (!this.#everWelcomed || finalCodes.has(code) || (status !== undefined && finalStatuses.has(status))) {
      this.#closed = true;
      this.#options.onLost({ code, status });
      return;
    }
    this.#stopWaiting = this.#options.clock.after(delayOf(this.#attempt++), () => void this.#connect());
  }

  #offline(): void {
    this.#welcome = undefined;
    this.#queue = [];
    this.#stopPacing?.();
    this.#stopPacing = undefined;
    this.#stopWatch?.();
  }

  #flush(): void {
    const { clock } = this.#options;
    const welcome = this.#welcome;
    if (!welcome || this.#stopPacing) return;
    const now = clock.now();
    const refilled = this.#left + ((now - this.#refilledAt) / 1000) * welcome.perSecond;
    this.#left = Math.min(welcome.burst, refilled);
    this.#refilledAt = now;
    // One in reserve, since the service's clock is not ours.
    while (this.#left >= 2) {
      const text = this.#queue.shift();
      if (text === undefined) return;
      this.#left--;
      this.#transport?.send(text);
    }
    if (this.#queue.length === 0) return;
    this.#stopPacing = clock.after(Math.ceil(2_000 / welcome.perSecond), () => {
      this.#stopPacing = undefined;
      this.#flush();
    });
  }

  #watchSilence(): void {
    this.#stopWatch?.();
    this.#stopWatch = this.#options.clock.after(silence, () => this.#transport?.close(4000));
  }
}

/**
 * A random time up to 5 s, then twice that each time up to a minute, with jitter.
 *
 * @see RFC 6455 section 7.2.3
 */
export function delayOf(attempt: number): number {
  const most = Math.min(longestDelay, firstDelay * 2 ** attempt);
  return attempt === 0 ? Math.random() * most : most / 2 + (Math.random() * most) / 2;
}
