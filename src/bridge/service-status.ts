import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import type { FlowStore } from '../model/flow-store.ts';
import type { ServiceFacts } from './feed.ts';

/** State of a store that several nodes share, asked for again with each look. */
export class StoreStatus {
  readonly #store: FlowStore;
  readonly #shared: boolean;
  #isUp = true;
  #isAsking = false;

  constructor(store: FlowStore, shared: boolean) {
    this.#store = store;
    this.#shared = shared;
  }

  /** Returns the state of the last look, and looks. */
  now(): ServiceFacts['store'] {
    if (!this.#shared) return 'memory';
    if (!this.#isAsking) {
      this.#isAsking = true;
      void this.#ask();
    }
    return this.#isUp ? 'shared' : 'unavailable';
  }

  async #ask(): Promise<void> {
    this.#isUp = await this.#store.check().then(
      () => true,
      () => false,
    );
    this.#isAsking = false;
  }
}

/** Returns the port of a server; undefined if it has none of its own, or does not listen. */
export function portOf(server: { readonly address: AddressInfo }): number | undefined {
  try {
    return server.address.port;
  } catch {
    return undefined;
  }
}

/** Returns the name by which operators know this node: the host, with the port if there is one. */
export function nodeName(port: number | undefined): string | undefined {
  try {
    return port === undefined ? hostname() : `${hostname()}:${port}`;
  } catch {
    // Some runtimes ask for a permission.
    return undefined;
  }
}
