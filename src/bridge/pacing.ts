import { Bucket } from '../base/bucket.ts';
import type { Clock } from '../base/clock.ts';
import { Recent } from '../base/recent.ts';

/** A connection whose messages can be held back. */
export interface Paced {
  /** Stops reading. */
  pause(): void;
  /** Reads on. */
  resume(): void;
}

interface Pace {
  readonly bucket: Bucket;
  /** Connections that have been paused, longest first. */
  readonly paused: Set<Paced>;
  waits: boolean;
}

// One credential may serve many programs, so all of them together may send as much as ten connections.
const connectionsWorth = 10;
// More names than this within seconds come from `authenticate` only.
const minNames = 10_000;

/**
 * Limits the messages of each identity over all its connections. Each connection keeps to limits of its own, so none is closed:
 * they are read more slowly, in turn.
 */
export class Pacing {
  readonly #clock: Clock;
  readonly #limits: { readonly burst: number; readonly perSecond: number };
  readonly #byName = new Recent<Pace>(minNames);

  /** @param limits Those of one connection. */
  constructor(clock: Clock, limits: { readonly burst: number; readonly perSecond: number }) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Counts a message of a connection, and pauses the connection if its identity has sent too many. */
  count(name: string, connection: Paced): void {
    const pace = this.#byName.get(name) ?? this.#add(name);
    if (pace.bucket.owe(this.#clock.now())) return;
    connection.pause();
    pace.paused.add(connection);
    this.#wait(pace);
  }

  /** Forgets a connection that has closed, so that no other waits for its turn. */
  forget(name: string, connection: Paced): void {
    this.#byName.get(name)?.paused.delete(connection);
  }

  #add(name: string): Pace {
    const { burst, perSecond } = this.#limits;
    const bucket = new Bucket(burst * connectionsWorth, perSecond * connectionsWorth);
    const pace: Pace = { bucket, paused: new Set(), waits: false };
    this.#byName.set(name, pace);
    return pace;
  }

  /** Lets one connection after the other read on, each at the price of a message. */
  #wait(pace: Pace): void {
    if (pace.waits) return;
    pace.waits = true;
    this.#clock.after(Math.ceil(1_000 / pace.bucket.perSecond), () => {
      pace.waits = false;
      for (const connection of pace.paused) {
        if (!pace.bucket.take(this.#clock.now())) break;
        pace.paused.delete(connection);
        connection.resume();
      }
      if (pace.paused.size > 0) this.#wait(pace);
    });
  }
}
