import type { ServerEvent } from '../events.ts';
import { endsFlow } from './ledger.ts';

/** Flows beyond it are forgotten, the oldest first: only how long they waited is then not known. */
const most = 50_000;

/** How long flows wait, from `begun` to their end. */
export class Waits {
  readonly #begunAt = new Map<string, number>();

  /** Milliseconds, where the event ends a flow whose beginning was seen. */
  of(event: ServerEvent): number | undefined {
    if (event.type === 'begun') {
      this.#begunAt.set(event.flow, event.at);
      const [oldest] = this.#begunAt.keys();
      if (oldest !== undefined && this.#begunAt.size > most) this.#begunAt.delete(oldest);
      return undefined;
    }
    if (!endsFlow(event) || !('flow' in event) || event.flow === undefined) return undefined;
    const begunAt = this.#begunAt.get(event.flow);
    this.#begunAt.delete(event.flow);
    return begunAt === undefined ? undefined : Math.max(0, event.at - begunAt);
  }

  /** After a restart of the service, whose ids begin anew. */
  clear(): void {
    this.#begunAt.clear();
  }
}
