/** Who waits to hear how a sign-in ended, by its flow. Several may: the browser may send one redirect twice. */
export class Pages<Page> {
  readonly #byFlow = new Map<string, Page[]>();

  /** Returns its undo. */
  add(flow: string, page: Page): () => void {
    this.#byFlow.set(flow, [...this.of(flow), page]);
    return () => {
      const others = this.of(flow).filter((other) => other !== page);
      if (others.length > 0) this.#byFlow.set(flow, others);
      else this.#byFlow.delete(flow);
    };
  }

  of(flow: string): readonly Page[] {
    return this.#byFlow.get(flow) ?? [];
  }
}
