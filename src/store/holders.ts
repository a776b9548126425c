import type { FlowHolder } from './flow-holder.ts';

/** Holder of something: a tenant, a name of the tenant, an address of the name. */
export type HolderPath = readonly [tenant: string, name: string, address: string];

interface Node<Item> {
  size: number;
  readonly children: Map<string, Node<Item>>;
  /** Oldest first. Empty unless the node is an address. */
  readonly items: Set<Item>;
}

/**
 * Things by their holders. If there is no room for another one, the largest holder gives one up: the largest tenant, in it the largest
 * name, and of that the largest address.
 */
export class Holders<Item> {
  readonly #root: Node<Item> = newNode();

  /** Number of tenants. */
  get tenants(): number {
    return this.#root.children.size;
  }

  /** Number of things of one name, from all its addresses. */
  sizeOf([tenant, name]: HolderPath): number {
    return this.#root.children.get(tenant)?.children.get(name)?.size ?? 0;
  }

  add(path: HolderPath, item: Item): void {
    let node = this.#root;
    node.size++;
    for (const key of path) {
      const child: Node<Item> = node.children.get(key) ?? newNode();
      node.children.set(key, child);
      child.size++;
      node = child;
    }
    node.items.add(item);
  }

  /** Returns false if it was removed before. */
  remove(path: HolderPath, item: Item): boolean {
    const nodes = [this.#root];
    for (const key of path) {
      const child = nodes.at(-1)?.children.get(key);
      if (!child) return false;
      nodes.push(child);
    }
    if (!nodes.at(-1)?.items.delete(item)) return false;
    for (const [depth, node] of nodes.entries()) {
      node.size--;
      if (node.size === 0 && depth > 0) nodes[depth - 1]?.children.delete(path[depth - 1] ?? '');
    }
    return true;
  }

  /**
   * Returns the things of the largest holder, oldest first, so that a newcomer gets the place of one. Returns undefined unless the
   * newcomer's holder stays smaller with the newcomer; otherwise the two would evict each other in turn.
   *
   * @param within `'name'` compares only the addresses of the newcomer's name.
   */
  largestFor(path: HolderPath, within: 'all' | 'name' = 'all'): Iterable<Item> | undefined {
    let node = this.#root;
    for (const [depth, key] of path.entries()) {
      const largest = largestOf(node);
      const own = node.children.get(key);
      if (within === 'name' && depth < 2) {
        if (!own) return undefined;
        node = own;
        continue;
      }
      const size = own?.size ?? 0;
      if (!largest || size + 1 === largest.size) return undefined;
      if (size < largest.size) return leafOf(largest).items;
      // The newcomer's holder is a largest one itself. So the parts of that are compared.
      node = own ?? largest;
    }
    return undefined;
  }
}

export function pathOf({ tenant = '', name, address = '' }: Omit<FlowHolder, 'limits'>): HolderPath {
  return [tenant, name, address];
}

function newNode<Item>(): Node<Item> {
  return { size: 0, children: new Map(), items: new Set() };
}

function largestOf<Item>({ children }: Node<Item>): Node<Item> | undefined {
  let largest: Node<Item> | undefined;
  for (const child of children.values()) if (!largest || child.size > largest.size) largest = child;
  return largest;
}

function leafOf<Item>(node: Node<Item>): Node<Item> {
  const largest = largestOf(node);
  return largest ? leafOf(largest) : node;
}
