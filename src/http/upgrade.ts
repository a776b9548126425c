import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { InvalidOptionError } from '../base/invalid-option.ts';
import { readTarget } from '../callback/request.ts';
import { offersWebSocket } from './ordinary-request.ts';
import { PathTable } from './path-table.ts';

export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/**
 * Handler of upgrade requests; returns true if it has taken one. Without `others` it must take every request for a
 * WebSocket.
 */
export type TakesUpgrade = (others: boolean, ...upgrade: Parameters<Upgrade>) => boolean;

/** The part of a server that upgrades need. */
export interface UpgradeHost {
  /** Passes upgrade requests to a handler whenever the server listens. Returns a function that removes it. */
  onUpgrade(takes: TakesUpgrade): () => void;
  /** Set by the first bridge. */
  upgrades?: Upgrades;
  /** Paths of tenants. */
  readonly tenants?: { find(target: string): object | undefined };
}

/** A path whose upgrade requests are taken. */
export interface TakenPath {
  /** Removes the handler. */
  release(): void;
  /** Keeps the handler until another one takes the path. */
  retire(): void;
}

/** Passes a server's upgrade requests for a path to `upgrade`. Throws `InvalidOptionError` if another bridge has the path. */
export function takeUpgrades(server: UpgradeHost, path: string, upgrade: Upgrade): TakenPath {
  server.upgrades ??= new Upgrades(server);
  return server.upgrades.add(path, upgrade);
}

/** Bridges of one server, by path. */
export class Upgrades {
  readonly #server: UpgradeHost;
  readonly #table: PathTable<Upgrade>;

  constructor(server: UpgradeHost) {
    this.#server = server;
    this.#table = new PathTable(() => server.onUpgrade(this.#take));
  }

  paths(): Iterable<string> {
    return this.#table.paths();
  }

  add(path: string, upgrade: Upgrade): TakenPath {
    if (this.#server.tenants?.find(path)) throw new InvalidOptionError('path', 'is taken');
    return { release: this.#table.add(path, upgrade), retire: () => this.#table.retire(path) };
  }

  readonly #take: TakesUpgrade = (others, request, socket, head) => {
    // If no other listener handles upgrades, any bridge may reject a WebSocket at a path that no bridge has.
    const any = others || !offersWebSocket(request) ? undefined : this.#table.first();
    const upgrade = this.#table.get(readTarget(request.url ?? '')?.path) ?? any;
    upgrade?.(request, socket, head);
    return upgrade !== undefined;
  };
}
