import type { ClientMessage, ServiceMessage, ServiceMessageOf } from '../wire/protocol.ts';
import { readServiceMessage } from '../wire/service-message.ts';
import { Bucket } from '../base/bucket.ts';
import type { Clock } from '../base/clock.ts';
import type { Report } from '../base/isolated-observable.ts';
import type { OpenTransport, Transport } from './transport.ts';

export type Welcome = ServiceMessageOf<'welcome'>;

export interface ConnectionOptions {
  url: string;
  credential: () => string | Promise<string>;
  /** True if the credential may be used for another attempt. */
  reconnects: boolean;
  /** True if another attempt may have another credential. */
  renews: boolean;
  open: OpenTransport;
  clock: Clock;
  report: Report;
  /** Called when the service has answered, for the first time or after a reconnect. */
  onWelcome: (welcome: Welcome) => void;
  onMessage: (message: ServiceMessage) => void;
  /** Called when no further attempt will be made. */
  onLost: (reason: Lost) => void;
}

/** Reason why no further attempt is made. */
export interface Lost {
  code: number;
  /** HTTP status of a rejected handshake, if the platform tells. */
  status?: number | undefined;
  /** Error code of the system, if the platform tells, or the reason why the client gave up. */
  failure?: string | undefined;
}

// Another attempt would get the same answer. Without 404, which a service answers while it starts.
const finalCodes: readonly number[] = [1000, 1003, 1007, 1008, 1009];
const credentialInvalid = 4401;
const restarting = 1012;
// A proxy that restarts gives such answers for a while, and a proxy that is broken for ever.
const rejectedCodes: readonly number[] = [1002];
const rejectedStatuses: readonly number[] = [400, 401, 403, 405, 426];
/** Rejections in a row, about two minutes of them, after which no further attempt is made. */
const maxRejections = 5;

const firstDelayMs = 5_000;
const maxDelayMs = 60_000;
// A service does not decide for longer than this.
const maxRetryAfterMs = 300_000;
/** Milliseconds that an attempt may take. */
export const connectTimeoutMs = 10_000;
/** Milliseconds between the pings of a service that does not say how many. */
export const heartbeatMs = 30_000;
/** Milliseconds that a ping may be late. */
const latenessMs = 5_000;

/** A connection that reconnects. Sends messages no faster than the service allows. */
export class Connection {
  readonly #options: ConnectionOptions;
  #transport: Transport | undefined;
  #welcome: Welcome | undefined;
  #welcomedAt: number | undefined;
  #attempt = 0;
  #rejections = 0;
  /** Time of the last message or ping. */
  #heardAt = 0;
  /** Time of the client's own ping, until something is heard. */
  #pingedAt: number | undefined;
  #closing = false;
  #closed = Promise.resolve();
  #onClose: (() => void) | undefined;
  #queue: string[] = [];
  /** Messages that are sent when the queue is empty. */
  #behind: string[] = [];
  #bucket = new Bucket(1, 1);
  /** Functions that stop the timers: of pacing, of the next attempt, and of silence. */
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

  /** Sends now, or as soon as the service allows. Drops the message while disconnected: `onWelcome` sends again what is needed. */
  send(message: ClientMessage): void {
    if (!this.#welcome) return;
    this.#queue.push(JSON.stringify(message));
    this.#flush();
  }

  /** Sends as `send` does, after all messages that go by `send`. */
  sendBehind(message: ClientMessage): void {
    if (!this.#welcome) return;
    this.#behind.push(JSON.stringify(message));
    this.#flush();
  }

  /** Sends a last message instead of all that are queued, and closes. Resolves once closed, within a second. */
  close(last: object): Promise<void> {
    if (this.#closing) return this.#closed;
    this.#closing = true;
    const transport = this.#transport;
    // Pacing stays below the limits, so this one fits.
    if (this.#welcome) transport?.send(JSON.stringify(last));
    if (transport) this.#closed = new Promise((resolve) => (this.#onClose = resolve));
    this.#rest();
    transport?.close(1000);
    return this.#closed;
  }

  async #connect(): Promise<void> {
    const { credential, open, url } = this.#options;
    const attempt = (this.#watch = this.#options.clock.after(connectTimeoutMs, () => this.#giveUp()));
    try {
      const given = await credential();
      if (attempt !== this.#watch) return;
      const transport = open(url, given, {
        message: (text) => this.#current(transport, () => this.#receive(text)),
        alive: () => this.#current(transport, () => this.#hear()),
        closed: (...how) => this.#current(transport, () => this.#onClosed(...how)),
      });
      this.#transport = transport;
    } catch {
      if (attempt === this.#watch) this.#onClosed(1006);
    }
  }

  /** Calls `run` unless the transport was given up, which may still report something. */
  #current(transport: Transport, run: () => void): void {
    if (transport === this.#transport) run();
  }

  #receive(text: string): void {
    if (this.#closing) return;
    this.#hear();
    try {
      const message = readServiceMessage(text);
      if (!message) return;
      // Anything before the welcome, and a second one, breaks the protocol.
      if (this.#welcome) this.#options.onMessage(message);
      else if (message.type === 'welcome') this.#onWelcome(message);
    } catch (error) {
      // A service that breaks the protocol must not end the process, nor a flow.
      this.#options.report(error);
    }
  }

  #onWelcome(welcome: Welcome): void {
    this.#watch?.();
    this.#welcome = welcome;
    this.#welcomedAt = this.#options.clock.now();
    this.#listenForLife();
    // The service measures when a message arrives, and a network delays one message and not the next.
    this.#bucket = new Bucket(Math.max(1, Math.floor(welcome.burst / 2)), welcome.perSecond * 0.9);
    this.#options.onWelcome(welcome);
  }

  #onClosed(code: number, status?: number, failure?: string, retryAfter = 0): void {
    const { clock, reconnects, onLost } = this.#options;
    const welcome = this.#welcome;
    // A connection that is closed at once counts as a failed attempt.
    if (welcome && clock.now() - (this.#welcomedAt ?? 0) >= firstDelayMs)
      this.#attempt = this.#rejections = 0;
    this.#transport = undefined;
    this.#rest();
    if (this.#closing) {
      this.#onClose?.();
      return;
    }
    // The first attempt is not repeated: most likely the URL or the credential is wrong.
    const first = this.#welcomedAt === undefined;
    if (first || !reconnects || this.#isFinal(code, status)) {
      this.#closing = true;
      onLost({ code, status, failure });
      return;
    }
    const restarts = welcome !== undefined && code === restarting;
    const delay = Math.max(delayOf(restarts ? 0 : this.#attempt++), retryDelayOf(retryAfter));
    this.#wait = clock.after(delay, () => void this.#connect());
  }

  /** Tells if another attempt would end like this one. */
  #isFinal(code: number, status: number | undefined): boolean {
    if (code === credentialInvalid) return !this.#options.renews;
    if (finalCodes.includes(code)) return true;
    const rejected = rejectedCodes.includes(code) || rejectedStatuses.includes(status ?? 0);
    this.#rejections = rejected ? this.#rejections + 1 : 0;
    return this.#rejections >= maxRejections;
  }

  /** Empties the queue and stops all timers. */
  #rest(): void {
    this.#welcome = undefined;
    this.#queue = [];
    this.#behind = [];
    for (const stop of [this.#pace, this.#wait, this.#watch]) stop?.();
    this.#pace = this.#wait = this.#watch = undefined;
  }

  #flush(): void {
    if (this.#pace) return;
    const { clock } = this.#options;
    for (;;) {
      const queue = this.#queue.length > 0 ? this.#queue : this.#behind;
      if (queue.length === 0) return;
      if (!this.#bucket.take(clock.now())) {
        this.#pace = clock.after(Math.ceil(2_000 / this.#bucket.perSecond), () => {
          this.#pace = undefined;
          this.#flush();
        });
        return;
      }
      this.#transport?.send(queue.shift() ?? '');
    }
  }

  #hear(): void {
    this.#heardAt = this.#options.clock.now();
    this.#pingedAt = undefined;
  }

  /** Pings the service if a ping of its own is overdue, and gives the connection up if nothing answers that. */
  #listenForLife(): void {
    const { clock } = this.#options;
    this.#watch = clock.after(Math.max(1, this.#overdueAt() - clock.now()), () => {
      if (clock.now() >= this.#overdueAt()) {
        if (this.#pingedAt !== undefined) {
          this.#giveUp();
          return;
        }
        this.#pingedAt = clock.now();
        this.send({ type: 'ping' });
      }
      this.#listenForLife();
    });
  }

  /** Time at which the next sign of life is overdue. */
  #overdueAt(): number {
    const { heartbeat = heartbeatMs } = this.#welcome ?? {};
    if (this.#pingedAt !== undefined) return this.#pingedAt + heartbeat;
    return this.#heardAt + heartbeat + Math.min(latenessMs, heartbeat / 2);
  }

  #giveUp(): void {
    const transport = this.#transport;
    this.#onClosed(1006, undefined, 'no answer in time');
    transport?.close(4000);
  }
}

/**
 * Returns the milliseconds to wait before an attempt: random up to 5 s first, then doubled each time up to a minute, with jitter.
 *
 * @see RFC 6455 section 7.2.3
 */
export function delayOf(attempt: number): number {
  const max = Math.min(maxDelayMs, firstDelayMs * 2 ** attempt);
  return attempt === 0 ? Math.random() * max : max / 2 + (Math.random() * max) / 2;
}

/** Returns the milliseconds that `Retry-After` asks for, at most five minutes, with jitter, so that clients do not come together. */
function retryDelayOf(seconds: number): number {
  return Math.min(Math.max(0, seconds) * 1_000, maxRetryAfterMs) * (1 + Math.random() / 5);
}
