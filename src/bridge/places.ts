import { accountOf } from '../store/flow-holder.ts';
import { Holders, pathOf } from '../store/holders.ts';
import type { Peer } from './audit.ts';
import type { Identity } from './credentials.ts';

/** A connection, or a request that is not answered yet, which counts against the limits. */
export interface Place extends Peer {
  /** True while it waits for a flow. */
  readonly listening?: boolean;
  /** Closes it, because the service is full and another holder has less. Undefined while it cannot be closed. */
  readonly evict?: (() => void) | undefined;
}

/** Reason with which a connection of the largest holder is closed. */
export const evictedReason = 'the service is full, and this credential has the most connections';

/** Counts connections by name and by address. If the service is full, the largest holder loses one to a smaller holder. */
export class Places {
  readonly #perName = new Map<string, number>();
  readonly #perAddress = new Map<string, number>();
  readonly #holders = new Holders<Place>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Tells if a holder may have to lose one, before the credential of the newcomer is known. */
  get mayEvict(): boolean {
    return this.#size > this.#holders.tenants;
  }

  ofName(identity: Identity): number {
    return this.#perName.get(accountOf(identity)) ?? 0;
  }

  ofAddress(address: string): number {
    return this.#perAddress.get(address) ?? 0;
  }

  add(place: Place): void {
    this.#holders.add(pathOf({ ...place.identity, address: place.address }), place);
    this.#count(place, 1);
  }

  /** Does nothing if it was removed before, as an evicted one is. */
  remove(place: Place): void {
    if (this.#holders.remove(pathOf({ ...place.identity, address: place.address }), place))
      this.#count(place, -1);
  }

  /** Finds what has to go for a newcomer: the newest of the largest holder that waits for no flow, or else its newest. */
  victimFor({ identity, address }: Peer): Place | undefined {
    const newestFirst = [...(this.#holders.largestFor(pathOf({ ...identity, address })) ?? [])].reverse();
    const open = newestFirst.filter(({ evict }) => evict !== undefined);
    return open.find(({ listening }) => !listening) ?? open[0];
  }

  /** Evicts one for a newcomer, if its holder is smaller than the largest. */
  evictFor(newcomer: Peer): void {
    const victim = this.victimFor(newcomer);
    if (!victim) return;
    // First, because closing takes a while.
    this.remove(victim);
    victim.evict?.();
  }

  #count({ identity, address }: Peer, by: 1 | -1): void {
    this.#size += by;
    count(this.#perName, accountOf(identity), by);
    count(this.#perAddress, address, by);
  }
}

function count(counts: Map<string, number>, name: string, by: 1 | -1): void {
  const after = (counts.get(name) ?? 0) + by;
  if (after > 0) counts.set(name, after);
  else counts.delete(name);
}
