import { Bucket } from '../base/bucket.ts';
import type { Clock } from '../base/clock.ts';
import { Recent } from '../base/recent.ts';
import { accountOf } from '../store/flow-holder.ts';
import type { Identity } from './credentials.ts';

/** A connection whose messages can be held back. */
export interface Paced {
  /** Stops reading. */
  pause(): void;
  /** Reads on. */
  resume(): void;
}

/** An identity whose messages are counted. */
export type Counted = Pick<Identity, 'name' | 'tenant' | 'limits'>;

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
  /** Allowances by name and the identity's own limit, so that a credential with another limit keeps to that one. */
  readonly #byName = new Recent<Pace>(minNames);

  /** @param limits Those of one connection. */
  constructor(clock: Clock, limits: { readonly burst: number; readonly perSecond: number }) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Returns what one connection of an identity may send: the bridge's limits, or the identity's own if they are lower. */
  of({ limits: { perSecond: own = Infinity } = {} }: Counted): { burst: number; perSecond: number } {
    const { burst, perSecond } = this.#limits;
    const share = Math.min(1, own / perSecond);
    return { burst: Math.max(1, Math.floor(burst * share)), perSecond: Math.min(perSecond, own) };
  }

  /** Counts a message of a connection, and pauses the connection if its identity has sent too many. */
  count(identity: Counted, connection: Paced): void {
    const pace = this.#byName.get(keyOf(identity)) ?? this.#add(identity);
    if (pace.bucket.owe(this.#clock.now())) return;
    connection.pause();
    pace.paused.add(connection);
    this.#wait(pace);
  }

  /** Counts a request that came without a connection of its own. Returns false if its identity has sent too many. */
  allows(identity: Counted): boolean {
    return (this.#byName.get(keyOf(identity)) ?? this.#add(identity)).bucket.take(this.#clock.now());
  }

  /** Forgets a connection that has closed, so that no other waits for its turn. */
  forget(identity: Counted, connection: Paced): void {
    this.#byName.get(keyOf(identity))?.paused.delete(connection);
  }

  #add(identity: Counted): Pace {
    const perSecond = this.#limits.perSecond * connectionsWorth;
    const share = Math.min(1, (identity.limits?.perSecond ?? Infinity) / perSecond);
    const burst = Math.max(1, this.#limits.burst * connectionsWorth * share);
    const pace: Pace = { bucket: new Bucket(burst, perSecond * share), paused: new Set(), waits: false };
    this.#byName.set(keyOf(identity), pace);
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

function keyOf(identity: Counted): string {
  return `${accountOf(identity)}\0${identity.limits?.perSecond ?? ''}`;
}
