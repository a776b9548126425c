/** Pages that wait for the outcome of a sign-in, by flow. A flow may have several: browsers may send a redirect twice. */
export class WaitingPages<Page> {
  readonly #byFlow = new Map<string, Page[]>();

  /** Adds a page. Returns a function that removes it. */
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
