import type { Clock } from '../base/clock.ts';
import { StoreUnavailableError } from '../model/errors.ts';
import type { SharedRecords } from '../model/flow-store.ts';
import type { FoundLink, StartLink } from '../model/start-link.ts';
import { startCookie } from '../model/start-link.ts';

/** Parts of a store that its start links use. */
export interface StoredStartLinksOptions {
  readonly records: SharedRecords;
  readonly clock: Clock;
  /** Returns the time of the store's clock, which the flows expire by. */
  readonly now: () => number;
  /** Returns the secret of the store's nodes. */
  readonly secret: () => string;
}

// A program opens the browser at once, while the target is still on its way to the service.
const retriesMs = [150, 350, 500, 1_000];

// Maximum number of requests that wait for a target, so that random ids cost the store little.
const maxWaiting = 100;

// A record that another node has sealed with a key which this one lacks can be neither read nor replaced.
const maxTries = 50;

/** Start links in the records of a store, so that a browser may open a start URL at any node. */
export class StoredStartLinks {
  readonly #options: StoredStartLinksOptions;
  #waiting = 0;

  constructor(options: StoredStartLinksOptions) {
    this.#options = options;
  }

  /** Returns the cookie of a start URL. */
  cookieOf(startId: string): string {
    return startCookie(this.#options.secret(), startId);
  }

  /** Sets the target of a start URL. Does nothing once a browser has opened it. @param ttl Milliseconds that it is kept. */
  async set(startId: string, link: StartLink, ttl: number): Promise<void> {
    const { records } = this.#options;
    const key = keyOf(startId);
    for (let tries = 0; tries < maxTries; tries++) {
      const before = await records.read(key);
      if (before && read(before.text).used) return;
      if (await records.replace(key, before?.version, JSON.stringify(link), ttl)) return;
    }
    throw new StoreUnavailableError('the target of a start URL cannot be replaced');
  }

  /** Finds the link of a start URL. Waits a moment for a target that is on its way. */
  async find(startId: string): Promise<FoundLink | undefined> {
    const found = await this.#find(startId);
    if (found || this.#waiting >= maxWaiting) return found;
    this.#waiting++;
    try {
      for (const ms of retriesMs) {
        await this.#pause(ms);
        const later = await this.#find(startId);
        if (later) return later;
      }
    } finally {
      this.#waiting--;
    }
    return undefined;
  }

  async #find(startId: string): Promise<FoundLink | undefined> {
    const { records, now } = this.#options;
    const key = keyOf(startId);
    const record = await records.read(key);
    if (!record) return undefined;
    const link = read(record.text);
    const left = link.expiresAt - now();
    return {
      link,
      cookie: this.cookieOf(startId),
      left,
      use: () => {
        const text = JSON.stringify({ ...link, used: true } satisfies StartLink);
        return records.replace(key, record.version, text, Math.max(1, left));
      },
    };
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(ms, resolve));
  }
}

function keyOf(startId: string): string {
  return `start ${startId}`;
}

function read(text: string): StartLink {
  return JSON.parse(text) as StartLink;
}
