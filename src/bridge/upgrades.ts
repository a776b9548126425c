import { InvalidOptionError } from '../errors.ts';
import type { ServerInternals, TakesUpgrade, Upgrade } from '../internals.ts';
import { readTarget } from '../request.ts';

const known = new WeakMap<ServerInternals, Upgrades>();

/**
 * Takes a server's upgrade requests for a path. Returns its undo. Throws `InvalidOptionError` where another bridge has the
 * path.
 */
export function takeUpgrades(server: ServerInternals, path: string, upgrade: Upgrade): () => void {
  let upgrades = known.get(server);
  if (!upgrades) known.set(server, (upgrades = new Upgrades(server)));
  return upgrades.add(path, upgrade);
}

/** The bridges of one server, by path. */
class Upgrades {
  readonly #server: ServerInternals;
  readonly #byPath = new Map<string, Upgrade>();
  #undo: (() => void) | undefined;

  constructor(server: ServerInternals) {
    this.#server = server;
  }

  add(path: string, upgrade: Upgrade): () => void {
    if (this.#byPath.has(path)) throw new InvalidOptionError('path', 'is taken');
    this.#byPath.set(path, upgrade);
    this.#undo ??= this.#server.onUpgrade(this.#take);
    return () => {
      this.#byPath.delete(path);
      if (this.#byPath.size > 0) return;
      this.#undo?.();
      this.#undo = undefined;
    };
  }

  readonly #take: TakesUpgrade = (others, request, socket, head) => {
    // What is for nobody, anybody refuses.
    const [any] = others ? [] : this.#byPath.values();
    const upgrade = this.#byPath.get(readTarget(request.url ?? '')?.path ?? '') ?? any;
    upgrade?.(request, socket, head);
    return upgrade !== undefined;
  };
}
