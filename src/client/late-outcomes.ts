import type { ClientMessage } from '../wire/protocol.ts';
import type { Clock } from '../base/clock.ts';
import { Recent } from '../base/recent.ts';
import type { RemoteFlow } from './remote-flow.ts';
import { proofOf } from './secrets.ts';

// Pages wait for an outcome for seconds only, so older outcomes are not repeated.
const repeatMs = 60_000;
const minOutcomes = 100;

interface LateOutcomesContext {
  readonly clock: Clock;
  /** Returns the nonce of the connection, or of the last one while disconnected. */
  readonly nonce: () => string | undefined;
  readonly send: (message: ClientMessage) => void;
}

/**
 * Outcomes of flows that were acknowledged before the program settled them. The next connection repeats them, because the one
 * that they were sent over may be lost already.
 */
export class LateOutcomes {
  readonly #context: LateOutcomesContext;
  #recent = new Recent<{ flow: RemoteFlow; at: number }>(minOutcomes);

  constructor(context: LateOutcomesContext) {
    this.#context = context;
  }

  add(flow: RemoteFlow): void {
    this.#recent.set(flow.id, { flow, at: this.#context.clock.now() });
  }

  /** Sends the outcome of a flow that was acknowledged over another connection, with a proof that the flow is this client's. */
  async send({ id, state, key, outcome }: RemoteFlow): Promise<void> {
    const { nonce, send } = this.#context;
    const current = nonce() ?? '';
    const proof = await proofOf(key, current);
    if (outcome && nonce() === current) send({ type: 'settle', flowId: id, outcome, state, proof });
  }

  /** Repeats the outcomes that the connection before may not have sent. */
  sendAgain(): void {
    const { clock } = this.#context;
    const recent = this.#recent;
    this.#recent = new Recent(minOutcomes);
    for (const { flow, at } of recent.values()) if (clock.now() - at < repeatMs) void this.send(flow);
  }
}
