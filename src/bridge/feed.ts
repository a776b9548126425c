import type { Clock } from '../clock.ts';
import type { ServerEvent } from '../events.ts';
import { randomToken } from '../pkce.ts';
import { frameOf } from './frame.ts';
import type { Said, ServiceMessage } from './protocol.ts';

/** Somebody who gets each event, at the pace it reads. */
export interface Watcher {
  /** Whether more may be sent now. */
  readonly ready: boolean;
  /** Whether something that was sent has not been taken by the operating system yet. */
  readonly filling: boolean;
  /** Sends a message of the feed that is a frame already; `flushed` is called once the operating system has taken it. */
  event(frame: Buffer, flushed?: () => void): void;
  /** Asks it to answer, with this number, once it has read what it was sent so far. */
  ask(next: number): void;
  /** It has fallen so far behind that events it has not had are gone. */
  fellBehind(): void;
}

/** Where the feed stands for one watcher. */
interface Place {
  readonly watcher: Watcher;
  /** Number of the next event to send. */
  next: number;
  /** All before this number it has been asked to say that it has read. */
  asked: number;
  /** All before this number it has read. */
  read: number;
  /** How many it is sent that it has not read. */
  unread: number;
  /** The number of pending flows that it was told last. */
  pending: number;
}

/** What a feed needs of its server. */
export interface FeedSource {
  readonly clock: Clock;
  /** Flows that wait at this node. */
  readonly pending: () => number;
}

// The operating system takes megabytes for a socket that nobody reads, and each event is work until it takes no more. So
// many events are sent to a watcher that has not answered: few at first, twice as many with each answer; on a way of
// 200 ms that is 2,500 a second in the end.
const firstUnread = 64;
const mostUnread = 512;

// The number of pending flows is for people, and changes with every sign-in.
const betweenPending = 1_000;

/** The redacted feed: numbered, serialised once for all monitors, and kept for those that read slowly or come back. */
export class Feed {
  /** Names this numbering. */
  readonly epoch = randomToken(12);
  /** Of events by type, and of redirects by disposition: each event counts once. */
  readonly counts: Record<string, number> = {};
  /** Of redirects that had a reason, by it. */
  readonly reasons: Record<string, number> = {};
  readonly #places = new Map<Watcher, Place>();
  /** Serialised once the first watcher is sent them, and never where nobody watches. */
  readonly #kept: (ServerEvent | Buffer)[] = [];
  readonly #most: number;
  readonly #source: FeedSource;
  #next = 0;
  /** Undo of the timer that runs while somebody watches. */
  #ticking: (() => void) | undefined;

  /** @param most How many events are kept. */
  constructor(most: number, source: FeedSource) {
    this.#most = most;
    this.#source = source;
  }

  get watchers(): number {
    return this.#places.size;
  }

  push(event: ServerEvent): void {
    count(this.counts, event.type === 'redirect' ? event.disposition : event.type);
    if (event.type === 'redirect' && event.reason) count(this.reasons, event.reason);
    const n = this.#next++;
    this.#kept[n % this.#most] = event;
    for (const place of this.#places.values()) {
      if (place.next === n && hasRoom(place))
        this.#send(place, place.watcher.filling ? () => this.#pump(place) : undefined);
      else if (n - place.next >= this.#most) {
        this.leave(place.watcher);
        place.watcher.fellBehind();
      }
    }
  }

  /** The number of the first event that a watcher is sent: of those it asks for, as far as they are kept. */
  from({ epoch, since }: Said<'watch'>): number {
    const known = epoch === undefined || epoch === this.epoch;
    const asked = known ? (since ?? this.#next) : 0;
    return Math.min(Math.max(asked, this.#next - this.#most), this.#next);
  }

  /** Sends how many flows are pending, now and whenever that has changed, and every event from number `next` on. */
  watch(watcher: Watcher, next: number): void {
    const pending = this.#source.pending();
    const place = { watcher, next, asked: next, read: next, unread: firstUnread, pending };
    this.#places.set(watcher, place);
    watcher.event(pendingFrame(pending));
    this.#ticking ??= this.#tick();
    this.#pump(place);
  }

  /** The watcher has read all events before number `next`, as it was asked to say. */
  answered(watcher: Watcher, next: number): void {
    const place = this.#places.get(watcher);
    if (!place || !(next > place.read && next <= place.asked)) return;
    place.read = next;
    place.unread = Math.min(place.unread * 2, mostUnread);
    this.#pump(place);
  }

  leave(watcher: Watcher): void {
    this.#places.delete(watcher);
    if (this.#places.size > 0) return;
    this.#ticking?.();
    this.#ticking = undefined;
  }

  /** By the clock, not by events: where nodes share a store, the end of a flow that began here is told at another one. */
  #tick(): () => void {
    return this.#source.clock.after(betweenPending, () => {
      this.#ticking = this.#tick();
      this.#tellPending();
    });
  }

  #tellPending(): void {
    const pending = this.#source.pending();
    let frame: Buffer | undefined;
    for (const place of this.#places.values()) {
      // Who does not read is told the next time, what is so then.
      if (place.pending === pending || !place.watcher.ready) continue;
      place.pending = pending;
      place.watcher.event((frame ??= pendingFrame(pending)));
    }
  }

  /** Catches up, as fast as the watcher reads. */
  #pump(place: Place): void {
    const { watcher } = place;
    while (this.#places.get(watcher) === place && place.next < this.#next && hasRoom(place))
      this.#send(place, () => this.#pump(place));
  }

  #send(place: Place, flushed?: () => void): void {
    place.watcher.event(this.#frame(place.next++), flushed);
    if (place.next - place.asked < place.unread / 2) return;
    place.asked = place.next;
    place.watcher.ask(place.next);
  }

  #frame(n: number): Buffer {
    const slot = n % this.#most;
    const kept = this.#kept[slot] as ServerEvent | Buffer;
    if (Buffer.isBuffer(kept)) return kept;
    const message: ServiceMessage = { type: 'event', n, event: kept };
    return (this.#kept[slot] = frameOf(JSON.stringify(message)));
  }
}

function hasRoom({ watcher, next, read, unread }: Place): boolean {
  return next - read < unread && watcher.ready;
}

function pendingFrame(pending: number): Buffer {
  const message: ServiceMessage = { type: 'pending', pending };
  return frameOf(JSON.stringify(message));
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
