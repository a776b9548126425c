/** Things that wait for their turn: group after group, and in each group the one that has waited longest. */
export class Turns<Item> {
  /** Items by group. The group whose turn is next is the first. */
  readonly #groups = new Map<string, Set<Item>>();

  get isEmpty(): boolean {
    return this.#groups.size === 0;
  }

  add(group: string, item: Item): void {
    const items = this.#groups.get(group) ?? new Set();
    items.add(item);
    this.#groups.set(group, items);
  }

  remove(group: string, item: Item): void {
    const items = this.#groups.get(group);
    if (items?.delete(item) && items.size === 0) this.#groups.delete(group);
  }

  /** Removes and returns the one whose turn it is; the other groups come before its group again. */
  next(): Item | undefined {
    for (const [group, items] of this.#groups)
      for (const item of items) {
        items.delete(item);
        this.#groups.delete(group);
        if (items.size > 0) this.#groups.set(group, items);
        return item;
      }
    return undefined;
  }
}
