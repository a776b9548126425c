import type { Clock } from '../base/clock.ts';
import type { SharedRecords } from '../model/flow-store.ts';
import type { FoundLink, StartLink } from '../model/start-link.ts';
import { startCookie } from '../model/start-link.ts';

/** Parts of a store that its start links use. */
export interface StoredStartLinksOptions {
  readonly records: SharedRecords;
  readonly clock: Clock;
  /** Returns the secret of the store's nodes. */
  readonly secret: () => string;
}

// A program opens the browser at once, while the target is still on its way to the service.
const retriesMs = [150, 350, 500, 1_000];

// Maximum number of requests that wait for a target, so that random ids cost the store little.
const maxWaiting = 100;

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
    for (;;) {
      const before = await records.read(key);
      if (before && read(before.text).used) return;
      if (await records.replace(key, before?.version, JSON.stringify(link), ttl)) return;
    }
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
    const { records, clock } = this.#options;
    const key = keyOf(startId);
    const record = await records.read(key);
    if (!record) return undefined;
    const link = read(record.text);
    return {
      link,
      cookie: this.cookieOf(startId),
      use: () => {
        const text = JSON.stringify({ ...link, used: true } satisfies StartLink);
        const left = Math.max(1, link.expiresAt - clock.now());
        return records.replace(key, record.version, text, left);
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
