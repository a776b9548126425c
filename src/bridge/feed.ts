import type { Clock } from '../base/clock.ts';
import { countEvent, type ServerEvent } from '../model/events.ts';
import { randomToken } from '../base/random.ts';
import type { WaitingSignIn } from '../model/waiting-sign-in.ts';
import type { ClientMessageOf, ServiceMessage, ServiceMessageOf } from '../wire/protocol.ts';
import { OutcomeCounter } from './outcome-counter.ts';
import { Statuses } from './statuses.ts';

/** A monitor's connection, which gets each event at the pace at which it reads. */
export interface FeedReader {
  /** True if more may be sent now. */
  readonly ready: boolean;
  /** True until the operating system has taken everything that was sent. */
  readonly filling: boolean;
  /** Sends a serialised message; `flushed` is called once the operating system has taken it. */
  sendBytes(message: Buffer, flushed?: () => void): void;
  /** Asks the monitor to answer with this number once it has read everything that was sent before. */
  requestAnswer(next: number): void;
  /** Called when the reader is so far behind that events it has not been sent are no longer kept. */
  onMissed(): void;
}

/** Position of a reader in the feed. */
interface Place {
  readonly reader: FeedReader;
  /** Number of the next event to send. */
  next: number;
  /** The reader has been asked for an answer to all events before this number. */
  requested: number;
  /** The reader has read all events before this number. */
  read: number;
  /** Maximum number of events that are sent ahead of the reader's answer. */
  maxUnread: number;
  /** Messages about the service that the reader was sent last. */
  sent: readonly Buffer[];
}

/** State of a service, without the counts of its feed. */
export type ServiceFacts = Omit<ServiceMessageOf<'service'>['service'], 'outcomes' | 'recent'>;

/** Parts of a server that its feed reads. */
export interface FeedSource {
  readonly clock: Clock;
  /** Returns the number of flows that wait at this node. */
  readonly pending: () => number;
  readonly service: () => ServiceFacts;
  /** Describes the flows that wait at this node, the oldest first. */
  readonly waiting: () => readonly WaitingSignIn[];
}

// The operating system takes megabytes for a socket that its peer does not read, and each event costs a write. So only this
// many events are sent ahead of a reader's answers: twice as many after each answer, up to the maximum. With a round trip of
// 200 ms the maximum allows 2,500 events a second.
const firstMaxUnread = 64;
const lastMaxUnread = 512;

// The state is shown to people, and changes with every sign-in.
const statusIntervalMs = 1_000;

/** The redacted feed: numbers events, serialises each once for all monitors, and keeps the last ones for slow monitors and reconnects. */
export class Feed {
  /** Identifies this numbering. */
  readonly epoch = randomToken(12);
  /** Number of events by type, and of redirects by disposition: each event counts once. */
  readonly counts: Record<string, number> = {};
  /** Number of redirects by reason, for redirects that have one. */
  readonly reasons: Record<string, number> = {};
  readonly #places = new Map<FeedReader, Place>();
  /** The last events, each serialised when it is first sent. */
  readonly #kept: (ServerEvent | Buffer)[] = [];
  readonly #max: number;
  readonly #source: FeedSource;
  readonly #outcomes = new OutcomeCounter();
  readonly #statuses = new Statuses();
  #next = 0;
  /** Stops the timer, which runs while there are readers. */
  #stopTimer: (() => void) | undefined;

  /** @param max Number of events that are kept. */
  constructor(max: number, source: FeedSource) {
    this.#max = max;
    this.#source = source;
  }

  /** Number of readers. */
  get readers(): number {
    return this.#places.size;
  }

  push(event: ServerEvent): void {
    countEvent(event, this.counts, this.reasons);
    this.#outcomes.add(event);
    const n = this.#next++;
    this.#kept[n % this.#max] = event;
    for (const place of this.#places.values()) {
      if (place.next === n && hasRoom(place))
        this.#send(place, place.reader.filling ? () => this.#pump(place) : undefined);
      else if (n - place.next >= this.#max) {
        this.remove(place.reader);
        place.reader.onMissed();
      }
    }
  }

  /** Returns the number of the first event to send for a `watch` message: the one it asks for, or the oldest that is kept. */
  firstOf({ epoch, since }: ClientMessageOf<'watch'>): number {
    const known = epoch === undefined || epoch === this.epoch;
    const asked = known ? (since ?? this.#next) : 0;
    return Math.min(Math.max(asked, this.#next - this.#max), this.#next);
  }

  /** Adds a reader: sends what is so now, again whenever it has changed, and every event from `next` on. */
  add(reader: FeedReader, next: number): void {
    const place = { reader, next, requested: next, read: next, maxUnread: firstMaxUnread, sent: [] };
    this.#places.set(reader, place);
    sendStatuses(place, this.#statusesNow());
    this.#stopTimer ??= this.#startTimer();
    this.#pump(place);
  }

  /** Handles a reader's answer: it has read all events before `next`. */
  onAnswer(reader: FeedReader, next: number): void {
    const place = this.#places.get(reader);
    if (!place || !(next > place.read && next <= place.requested)) return;
    place.read = next;
    place.maxUnread = Math.min(place.maxUnread * 2, lastMaxUnread);
    this.#pump(place);
  }

  remove(reader: FeedReader): void {
    this.#places.delete(reader);
    if (this.#places.size > 0) return;
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  /** A timer, because no event tells of every change: with a shared store, the end of a flow is an event of another node. */
  #startTimer(): () => void {
    return this.#source.clock.after(statusIntervalMs, () => {
      this.#stopTimer = this.#startTimer();
      const statuses = this.#statusesNow();
      // Skip a reader that is not ready; the next tick sends it what is so then.
      for (const place of this.#places.values()) if (place.reader.ready) sendStatuses(place, statuses);
    });
  }

  #statusesNow(): readonly Buffer[] {
    const { clock, pending, service, waiting } = this.#source;
    const recent = this.#outcomes.recent(clock.now());
    return this.#statuses.of([
      { type: 'pending', pending: pending() },
      { type: 'service', service: { ...service(), outcomes: this.#outcomes.total, recent } },
      { type: 'flows', waiting: [...waiting()] },
    ]);
  }

  /** Sends kept events for as long as the reader has room; continues when they are flushed. */
  #pump(place: Place): void {
    const { reader } = place;
    while (this.#places.get(reader) === place && place.next < this.#next && hasRoom(place))
      this.#send(place, () => this.#pump(place));
  }

  #send(place: Place, flushed?: () => void): void {
    place.reader.sendBytes(this.#message(place.next++), flushed);
    if (place.next - place.requested < place.maxUnread / 2) return;
    place.requested = place.next;
    place.reader.requestAnswer(place.next);
  }

  #message(n: number): Buffer {
    const slot = n % this.#max;
    const kept = this.#kept[slot] as ServerEvent | Buffer;
    if (Buffer.isBuffer(kept)) return kept;
    return (this.#kept[slot] = bytesOf({ type: 'event', n, event: kept }));
  }
}

function hasRoom({ reader, next, read, maxUnread }: Place): boolean {
  return next - read < maxUnread && reader.ready;
}

/** Sends those statuses that the reader does not have yet. */
function sendStatuses(place: Place, statuses: readonly Buffer[]): void {
  const { reader, sent } = place;
  place.sent = statuses;
  statuses.forEach((status, index) => {
    if (!sent[index]?.equals(status)) reader.sendBytes(status);
  });
}

function bytesOf(message: ServiceMessage): Buffer {
  return Buffer.from(JSON.stringify(message));
}
