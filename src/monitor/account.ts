import type { FeedStatus } from '../client/remote-feed.ts';
import type { ServerEvent } from '../events.ts';
import { Journal } from './journal.ts';
import { Ledger } from './ledger.ts';
import { Seconds } from './seconds.ts';
import { Waits } from './waits.ts';

/** What somebody who watches knows of a service, from its feed: for the page and the command alike. */
export class Account {
  readonly ledger = new Ledger();
  readonly seconds = new Seconds();
  readonly journal = new Journal();
  readonly #waits = new Waits();

  stands(status: FeedStatus): void {
    this.ledger.stands(status);
    if (status.missed === undefined) this.#waits.clear();
    if (status.missed !== 0) this.journal.gap(status.missed);
  }

  /** @param listed Whether it is to stand in the journal; it counts all the same. */
  add(event: ServerEvent, listed = true): void {
    const isNew = this.ledger.add(event);
    const waited = this.#waits.of(event);
    this.seconds.add(event, waited, isNew ? Date.now() : undefined);
    if (listed) this.journal.add(event, waited);
  }
}
