import type { ClientMessage, ServiceMessageOf } from '../wire/protocol.ts';
import { holding } from '../base/process-hold.ts';
import { WrongCodeError } from '../model/errors.ts';
import { errorOf } from './flow-errors.ts';
import type { RemoteFlow } from './remote-flow.ts';
import { shortText } from './service-claims.ts';

interface Pending {
  readonly flow: RemoteFlow;
  readonly code: string;
  /** Number of the message; undefined until the connection has the flow. */
  ref: number | undefined;
  readonly confirmed: () => void;
  readonly failed: (error: unknown) => void;
}

interface ConfirmationsContext {
  /** Returns a new number for a message. */
  readonly nextRef: () => number;
  readonly send: (message: ClientMessage) => void;
  /** Tells if the connection listens for a flow. */
  readonly listens: (flow: RemoteFlow) => boolean;
}

/** Codes that a person has typed in, until the service has answered. They are sent again over the next connection. */
export class Confirmations {
  readonly #context: ConfirmationsContext;
  readonly #pending = new Set<Pending>();

  constructor(context: ConfirmationsContext) {
    this.#context = context;
  }

  /** Sends a code. Resolves once the service has confirmed it. */
  confirm(flow: RemoteFlow, code: string): Promise<void> {
    const answered = new Promise<void>((confirmed, failed) => {
      const pending: Pending = { flow, code, ref: undefined, confirmed, failed };
      this.#pending.add(pending);
      if (this.#context.listens(flow)) this.#send(pending);
    });
    return holding(answered);
  }

  /** Sends the codes of a flow that the new connection has taken up. */
  resumed(flow: RemoteFlow): void {
    for (const pending of this.#pending) if (pending.flow === flow) this.#send(pending);
  }

  confirmed({ ref }: Pick<ServiceMessageOf<'confirmed'>, 'ref'>): void {
    this.#take(ref)?.confirmed();
  }

  /** Returns false if the failed request is not one of these. */
  failed(failure: ServiceMessageOf<'failed'>): boolean {
    const pending = this.#take(failure.ref);
    const { code, message } = failure;
    pending?.failed(code === 'wrong_code' ? new WrongCodeError(shortText(message)) : errorOf(failure));
    return pending !== undefined;
  }

  /** Ends the codes of a flow that has ended: with its error, or as confirmed if it has its response. */
  ended(flow: RemoteFlow): void {
    for (const pending of this.#pending) {
      if (pending.flow !== flow || !flow.end) continue;
      this.#pending.delete(pending);
      if ('error' in flow.end) pending.failed(flow.end.error);
      else pending.confirmed();
    }
  }

  #send(pending: Pending): void {
    pending.ref = this.#context.nextRef();
    const { ref, flow, code } = pending;
    this.#context.send({ type: 'confirm', ref, flowId: flow.id, code });
  }

  #take(ref: number): Pending | undefined {
    const found = [...this.#pending].find((pending) => pending.ref === ref);
    if (found) this.#pending.delete(found);
    return found;
  }
}
