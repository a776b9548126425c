import { Bucket } from '../base/bucket.ts';
import type { Clock } from '../base/clock.ts';
import { Recent } from '../base/recent.ts';
import { accountOf } from '../store/flow-holder.ts';
import type { Identity } from './credentials.ts';
import { Turns } from './turns.ts';

/** A connection whose messages can be held back. */
export interface Paced {
  readonly address: string;
  /** Stops reading. */
  pause(): void;
  /** Reads on. */
  resume(): void;
}

/** An identity whose messages are counted. */
export type Counted = Pick<Identity, 'name' | 'tenant' | 'limits'>;

/** What all connections of a tenant, or of a name, may send together. */
interface Pace {
  readonly bucket: Bucket;
  /** Connections that have been paused: those of a tenant by name, those of a name by address. */
  readonly paused: Turns<Paced>;
  waits: boolean;
}

// One credential may serve many programs, so all of them together may send as much as ten connections.
const connectionsPerName = 10;
// A tenant may have many credentials.
const connectionsPerTenant = 100;
// More names than this within seconds come from `authenticate` only.
const minNames = 10_000;

/**
 * Limits the messages of each tenant and of each name over all its connections. Each connection keeps to limits of its own, so none
 * is closed: they are read more slowly, in turn.
 */
export class Pacing {
  readonly #clock: Clock;
  readonly #limits: { readonly burst: number; readonly perSecond: number };
  /** Paces by name and the identity's own limit, so that a credential with another limit keeps to that one. */
  readonly #byName = new Recent<Pace>(minNames);
  readonly #byTenant = new Recent<Pace>(minNames);
  /** Requests of one address, by name. */
  readonly #byAddress = new Recent<Bucket>(minNames);

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

  /** Counts a message of a connection, and pauses the connection if its name or its tenant has sent too many. */
  count(identity: Counted, connection: Paced): void {
    const now = this.#clock.now();
    const byName = this.#paceOfName(identity);
    const byTenant = this.#paceOfTenant(identity);
    const isLate = !byName.bucket.owe(now);
    // Counted there too, if the name has sent too many.
    const isTenantLate = byTenant?.bucket.owe(now) === false;
    if (isLate) this.#pause(byName, connection.address, connection);
    else if (isTenantLate) this.#pause(byTenant, identity.name, connection);
  }

  /**
   * Counts a request that came without a connection of its own. Returns false if its name or its tenant has sent too many, or one
   * address more than half of what its name may send.
   */
  allows(identity: Counted, address: string): boolean {
    const now = this.#clock.now();
    const { bucket } = this.#paceOfName(identity);
    const ofAddress = this.#bucketOf(`${keyOf(identity)}\0${address}`, bucket);
    const ofTenant = this.#paceOfTenant(identity)?.bucket;
    return ofAddress.take(now) && bucket.take(now) && (ofTenant?.take(now) ?? true);
  }

  /** Forgets a connection that has closed, so that no other waits for its turn. */
  forget(identity: Counted, connection: Paced): void {
    this.#byName.get(keyOf(identity))?.paused.remove(connection.address, connection);
    this.#byTenant.get(identity.tenant ?? '')?.paused.remove(identity.name, connection);
  }

  #paceOfName(identity: Counted): Pace {
    const known = this.#byName.get(keyOf(identity));
    if (known) return known;
    const perSecond = this.#limits.perSecond * connectionsPerName;
    const share = Math.min(1, (identity.limits?.perSecond ?? Infinity) / perSecond);
    const pace = this.#paceFor(connectionsPerName * share);
    this.#byName.set(keyOf(identity), pace);
    return pace;
  }

  #paceOfTenant({ tenant }: Counted): Pace | undefined {
    if (tenant === undefined) return undefined;
    const pace = this.#byTenant.get(tenant) ?? this.#paceFor(connectionsPerTenant);
    this.#byTenant.set(tenant, pace);
    return pace;
  }

  #paceFor(connections: number): Pace {
    const { burst, perSecond } = this.#limits;
    const bucket = new Bucket(Math.max(1, burst * connections), perSecond * connections);
    return { bucket, paused: new Turns(), waits: false };
  }

  #bucketOf(key: string, { burst, perSecond }: Bucket): Bucket {
    const bucket = this.#byAddress.get(key) ?? new Bucket(Math.max(1, burst / 2), perSecond / 2);
    this.#byAddress.set(key, bucket);
    return bucket;
  }

  #pause(pace: Pace, group: string, connection: Paced): void {
    connection.pause();
    pace.paused.add(group, connection);
    this.#wait(pace);
  }

  /** Lets one connection after the other read on, each at the price of a message. */
  #wait(pace: Pace): void {
    if (pace.waits) return;
    pace.waits = true;
    this.#clock.after(Math.ceil(1_000 / pace.bucket.perSecond), () => {
      pace.waits = false;
      while (!pace.paused.isEmpty && pace.bucket.take(this.#clock.now())) pace.paused.next()?.resume();
      if (!pace.paused.isEmpty) this.#wait(pace);
    });
  }
}

function keyOf(identity: Counted): string {
  return `${accountOf(identity)}\0${identity.limits?.perSecond ?? ''}`;
}
