import type { ServiceMessageOf } from '../../wire/protocol.ts';
import type { KeyRecord } from './key-flows.ts';

type Result = Pick<ServiceMessageOf<'result'>, 'flowId' | 'result'>;

/**
 * Sends the results of a key in the order of their numbers. A client that names the last number that it has had must have had all
 * before it, on whichever stream.
 */
export class OrderedResults {
  readonly #lastId: string;
  readonly #send: (result: Result, id: string) => void;
  readonly #held = new Map<string, Result>();
  /** States of flows that this stream gets no result of. */
  readonly #dismissed = new Set<string>();
  #record: KeyRecord | undefined;
  /** Number of the last result that was sent, or that the client has had before. */
  #sent = 0;

  /** @param lastId Id of the last result that the client has had. */
  constructor(lastId: string, send: (result: Result, id: string) => void) {
    this.#lastId = lastId;
    this.#send = send;
  }

  /** Takes over numbers of the record, unless they are older than those that are known. */
  know(record: KeyRecord): void {
    const { epoch, next } = this.#record ?? {};
    if (epoch === record.epoch && next !== undefined && next > record.next) return;
    if (epoch !== record.epoch) this.#sent = this.#had(record.epoch);
    this.#record = record;
    this.#flush();
  }

  hold(state: string, { flowId, result }: Result): void {
    this.#held.set(state, { flowId, result });
  }

  /** Does not wait for the result of a flow any more. */
  dismiss(state: string): void {
    this.#dismissed.add(state);
    this.#flush();
  }

  #flush(): void {
    const { epoch = '', flows = [] } = this.#record ?? {};
    const numbered = flows
      .filter(({ number }) => number > this.#sent)
      .sort((one, other) => one.number - other.number);
    for (const { state, number } of numbered) {
      const result = this.#held.get(state);
      if (!result && !this.#dismissed.has(state)) return;
      this.#sent = number;
      this.#held.delete(state);
      if (result) this.#send(result, `${epoch}-${number}`);
    }
  }

  /** Returns the number of the last result that the client has had, if it is one of this epoch. */
  #had(current: string): number {
    const [, epoch, number] = /^([\w-]{1,64})-(\d{1,15})$/.exec(this.#lastId) ?? [];
    return epoch === current ? Number(number) : 0;
  }
}
