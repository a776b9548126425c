import type { ServiceMessage } from '../wire/protocol.ts';

/** Messages that say what is so now. Each is serialised once for all monitors, and stays the same buffer until it changes. */
export class Statuses {
  #texts: readonly string[] = [];
  #bytes: readonly Buffer[] = [];

  /** Serialises messages, always of the same types in the same order. */
  of(messages: readonly ServiceMessage[]): readonly Buffer[] {
    const [texts, bytes] = [this.#texts, this.#bytes];
    this.#texts = messages.map((message) => JSON.stringify(message));
    this.#bytes = this.#texts.map((text, index) => {
      const before = bytes[index];
      return before && texts[index] === text ? before : Buffer.from(text);
    });
    return this.#bytes;
  }
}
