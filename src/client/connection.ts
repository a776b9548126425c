import type { ServiceMessage } from '../bridge/protocol.ts';
import { Bucket } from '../bucket.ts';
import type { Clock } from '../clock.ts';
import type { Report } from '../isolated-observable.ts';
import type { OpenTransport, Transport } from './transport.ts';

export type Welcome = Extract<ServiceMessage, { type: 'welcome' }>;

export interface ConnectionOptions {
  url: string;
  credential: () => string | Promise<string>;
  /** Whether there is a credential for another attempt. */
  reconnects: boolean;
  /** Whether that may be another one. */
  renews: boolean;
  open: OpenTransport;
  clock: Clock;
  report: Report;
  /** Connected, for the first time or again. */
  onWelcome: (welcome: Welcome) => void;
  onMessage: (message: ServiceMessage) => void;
  /** Runs every 40 s of a connection, and after each attempt that fails. */
  onTick: () => void;
  /** No further attempt will be made. */
  onLost: (reason: Lost) => void;
}

/** Why a connection is given up. */
export interface Lost {
  code: number;
  /** HTTP status of a refused handshake, where known. */
  status?: number | undefined;
}

// After these, coming back would meet the same answer. Not 404: that a service says while it starts.
const finalCodes: readonly number[] = [1000, 1003, 1007, 1008, 1009, 4409];
const credentialFell = 4401;
const finalStatuses: readonly number[] = [400, 401, 403, 405, 426];

const firstDelay = 5_000;
const longestDelay = 60_000;
/** How long an attempt may take. */
const opening = 10_000;
/** A connection that says nothing for so long is asked for a sign of life; after the same time again it is given up. */
const silence = 40_000;

/** A connection that comes back. Messages go out no faster than the service takes them. */
export class Connection {
  readonly #options: ConnectionOptions;
  #transport: Transport | undefined;
  #welcome: Welcome | undefined;
  #welcomedAt: number | undefined;
  #attempt = 0;
  /** How many times in a row the watch has heard nothing. */
  #silences = 0;
  #closing = false;
  #closed = Promise.resolve();
  #onClose: (() => void) | undefined;
  #queue: string[] = [];
  #bucket = new Bucket(1, 1);
  /** Undo of the timer that paces, that waits to come back, and that watches over silence. */
  #pace: (() => void) | undefined;
  #wait: (() => void) | undefined;
  #watch: (() => void) | undefined;

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

  /** Sends one last message in place of all that wait, and closes. Resolves once closed, within a second. */
  close(last: object): Promise<void> {
    if (this.#closing) return this.#closed;
    this.#closing = true;
    const transport = this.#transport;
    // The message that pacing keeps in reserve.
    if (this.#welcome) transport?.send(JSON.stringify(last));
    if (transport) this.#closed = new Promise((resolve) => (this.#onClose = resolve));
    this.#rest();
    transport?.close(1000);
    return this.#closed;
  }

  async #connect(): Promise<void> {
    const { credential, open, url } = this.#options;
    const attempt = (this.#watch = this.#options.clock.after(opening, () => this.#giveUp()));
    try {
      const given = await credential();
      if (attempt !== this.#watch) return;
      const transport = open(url, given, {
        message: (text) => this.#current(transport, () => this.#receive(text)),
        alive: () => this.#current(transport, () => (this.#silences = 0)),
        closed: (code, status) => this.#current(transport, () => this.#onClosed(code, status)),
      });
      this.#transport = transport;
    } catch {
      if (attempt === this.#watch) this.#onClosed(1006);
    }
  }

  /** A connection that was given up may still say something. */
  #current(transport: Transport, run: () => void): void {
    if (transport === this.#transport) run();
  }

  #receive(text: string): void {
    if (this.#closing) return;
    this.#silences = 0;
    try {
      const message = JSON.parse(text) as ServiceMessage;
      if (message.type === 'welcome') this.#onWelcome(message);
      else this.#options.onMessage(message);
    } catch (error) {
      // A service that does not keep to the protocol must not end the process.
      this.#options.report(error);
    }
  }

  #onWelcome(welcome: Welcome): void {
    this.#watch?.();
    this.#listenForLife();
    this.#welcome = welcome;
    this.#welcomedAt = this.#options.clock.now();
    this.#bucket = new Bucket(Math.max(1, welcome.burst - 1), welcome.perSecond);
    this.#options.onWelcome(welcome);
  }

  #onClosed(code: number, status?: number): void {
    const { clock, reconnects, renews, onTick, onLost } = this.#options;
    // One that is closed again at once does not end the row of attempts.
    if (this.#welcome && clock.now() - (this.#welcomedAt ?? 0) >= firstDelay) this.#attempt = 0;
    this.#transport = undefined;
    this.#rest();
    if (this.#closing) {
      this.#onClose?.();
      return;
    }
    // A first attempt that fails is the caller's to repeat: most likely the URL or the credential is wrong.
    const first = this.#welcomedAt === undefined;
    const final =
      code === credentialFell ? !renews : finalCodes.includes(code) || finalStatuses.includes(status ?? 0);
    if (first || !reconnects || final) {
      this.#closing = true;
      onLost({ code, status });
      return;
    }
    this.#wait = clock.after(delayOf(this.#attempt++), () => void this.#connect());
    onTick();
  }

  /** No longer connected: nothing waits to be sent, and no timer runs. */
  #rest(): void {
    this.#welcome = undefined;
    this.#queue = [];
    for (const stop of [this.#pace, this.#wait, this.#watch]) stop?.();
    this.#pace = this.#wait = this.#watch = undefined;
  }

  #flush(): void {
    if (this.#pace) return;
    const { clock } = this.#options;
    while (this.#queue.length > 0) {
      if (!this.#bucket.take(clock.now())) {
        this.#pace = clock.after(Math.ceil(2_000 / this.#bucket.perSecond), () => {
          this.#pace = undefined;
          this.#flush();
        });
        return;
      }
      this.#transport?.send(this.#queue.shift() ?? '');
    }
  }

  #listenForLife(): void {
    this.#watch = this.#options.clock.after(silence, () => {
      this.#options.onTick();
      if (++this.#silences > 2) {
        this.#giveUp();
        return;
      }
      if (this.#silences === 2) this.send({ type: 'ping' });
      this.#listenForLife();
    });
  }

  #giveUp(): void {
    const transport = this.#transport;
    this.#onClosed(1006);
    transport?.close(4000);
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
